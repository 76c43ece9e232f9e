# The fits of kernel.py by lme4, default settings but for the optimiser's message: called by kernel.py, prints JSON.
#
#   Rscript benchmarks/kernel.R ROWS.csv ITEM ...
suppressPackageStartupMessages({
  library(lme4)
  library(jsonlite)
})
given <- commandArgs(trailingOnly = TRUE)
rows <- read.csv(given[1])
items <- given[-1]
rows$interviewer <- factor(rows$interviewer)
rows$gender <- factor(rows$gender)
fit <- function(formula, data) suppressWarnings(suppressMessages(lmer(formula, data)))
models <- list(
  null = function(item) reformulate("(1 | interviewer)", item),
  adjusted = function(item) reformulate(c("age", "gender", "education", "(1 | interviewer)"), item),
  covariates = function(item) {
    reformulate(c("age", "gender", "education", "resp_rate", "experience", "(1 | interviewer)"), item)
  },
  slope = function(item) reformulate(c("x", "(1 + x | interviewer)"), item)
)
invisible(fit(models$null(items[1]), rows))
timed <- function(name, chosen, work) {
  values <- NULL
  used <- system.time(values <- lapply(chosen, work))
  seconds <- used[["user.self"]] + used[["sys.self"]]
  list(name = name, fits = length(chosen), seconds = seconds, loglik = I(unlist(values)))
}
results <- lapply(names(models), function(name) {
  timed(name, items, function(item) {
    data <- rows
    if (name == "slope") data$x <- rows[[if (item == "trstplc") "trstprl" else "trstplc"]]
    as.numeric(logLik(fit(models[[name]](item), data)))
  })
})
# A sample of refits without one interviewer, and of profiles: both take the same time each time.
out <- levels(rows$interviewer)[seq(1, nlevels(rows$interviewer), length.out = 20)]
left_out <- timed("left out", out, function(name) {
  as.numeric(logLik(fit(models$null(items[1]), rows[rows$interviewer != name, ])))
})
profiles <- timed("profile", items[1:3], function(item) {
  found <- suppressMessages(suppressWarnings(confint(fit(models$null(item), rows), method = "profile", parm = "theta_",
                                                     oldNames = FALSE, quiet = TRUE)))
  found[1, 2]
})
cat(toJSON(list(version = as.character(packageVersion("lme4")), r = R.version.string, results = c(results, list(left_out, profiles))),
           digits = 15, auto_unbox = TRUE))
