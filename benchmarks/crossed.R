# The models of crossed.py by lme4: crossed random intercepts and both restricted likelihood ratios, default settings.
#
#   Rscript benchmarks/crossed.R                     # the example wave
#   QA_SHARED_DATA=... Rscript benchmarks/crossed.R ess11_de psu
suppressPackageStartupMessages(library(lme4))
folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
root <- file.path(folder, "..")
given <- commandArgs(trailingOnly = TRUE)
source_name <- if (length(given)) given[1] else "example"
area <- if (length(given) > 1) given[2] else "area"
if (source_name == "example") {
  wave <- read.csv(file.path(root, "configs", "example_wave.csv"))
  items <- names(wave)[-(1:9)]
} else {
  shared <- Sys.getenv("QA_SHARED_DATA", file.path(root, "..", "shared", "data"))
  files <- file.path(shared, source_name, paste0(source_name, c("_main.csv", "_interviewer.csv")))
  wave <- merge(read.csv(files[1]), read.csv(files[2]), by = c("cntry", "idno"))
  items <- rep(intersect(c("trstprl", "trstlgl", "trstplc", "trstplt", "trstprt", "imbgeco"), names(wave)), 4)[1:22]
}
wave$interviewer <- factor(wave$intnum)
wave$level <- factor(wave[[area]])
rows <- lapply(items, function(item) {
  answers <- suppressWarnings(as.numeric(wave[[item]]))
  top <- if (max(answers, na.rm = TRUE) > 20) 10 else 6
  kept <- !is.na(answers) & answers >= 0 & answers <= top
  data.frame(y = answers[kept], interviewer = wave$interviewer[kept], level = wave$level[kept])
})
fit <- function(formula, data) suppressMessages(lmer(formula, data))
invisible(fit(y ~ 1 + (1 | interviewer) + (1 | level), rows[[1]]))
only_crossed <- system.time(for (data in rows) fit(y ~ 1 + (1 | interviewer) + (1 | level), data))[["elapsed"]]
without <- system.time(for (data in rows) {
  fit(y ~ 1 + (1 | interviewer), data)
  fit(y ~ 1 + (1 | level), data)
})[["elapsed"]]
cat(sprintf("%s %s: %d models, %.2f s, and %.2f s for the models without one of the two\n",
            source_name, area, length(rows), only_crossed, without))
