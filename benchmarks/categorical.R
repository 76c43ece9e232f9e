# The models of benchmarks/categorical.py by lme4 and ordinal: called by it, with the CSV it writes. Prints processor seconds.
suppressPackageStartupMessages({
  library(lme4)
  library(ordinal)
})
wave <- read.csv(commandArgs(trailingOnly = TRUE)[1])
items <- setdiff(names(wave), c("interviewer", "x1", "x2", "x3"))
started <- sum(proc.time()[c("user.self", "sys.self")])
for (item in items) {
  rows <- wave[!is.na(wave[[item]]), ]
  rows$y <- match(rows[[item]], sort(unique(rows[[item]])))
  if (max(rows$y) == 2) {
    rows$y <- rows$y - 1
    glmer(y ~ 1 + (1 | interviewer), rows, family = binomial, nAGQ = 10)
    glmer(y ~ x1 + x2 + x3 + (1 | interviewer), rows, family = binomial, nAGQ = 10)
  } else {
    rows$y <- factor(rows$y)
    rows$interviewer <- factor(rows$interviewer)
    clmm(y ~ 1 + (1 | interviewer), data = rows, nAGQ = 10)
    clmm(y ~ x1 + x2 + x3 + (1 | interviewer), data = rows, nAGQ = 10)
  }
}
cat(sum(proc.time()[c("user.self", "sys.self")]) - started, "\n")
