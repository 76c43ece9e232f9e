# What an analyst would write for interviewer effects: called by peers.py with the example wave and the CSV to write.
suppressPackageStartupMessages(library(lme4))
given <- commandArgs(trailingOnly = TRUE)
wave <- read.csv(given[1])
items <- names(wave)[10:ncol(wave)]
wave$intnum <- factor(wave$intnum)
wave$education[wave$education >= 77] <- NA
one <- function(item) {
  top <- if (max(wave[[item]], na.rm = TRUE) > 20) 10 else 6
  wave[[item]][wave[[item]] > top] <- NA
  quietly <- function(fit) suppressWarnings(suppressMessages(fit))
  null <- quietly(lmer(reformulate("(1 | intnum)", item), wave))
  adjusted <- quietly(lmer(reformulate(c("age", "gender", "education", "(1 | intnum)"), item), wave))
  interval <- quietly(confint(null, method = "profile", parm = "theta_", oldNames = FALSE, quiet = TRUE))
  effects <- as.data.frame(ranef(adjusted, condVar = TRUE))
  variance <- as.data.frame(VarCorr(null))$vcov
  data.frame(item = item, interviewer = effects$grp, eblup = effects$condval, sd = effects$condsd,
             icc = variance[1] / sum(variance), lower = interval[1, 1], upper = interval[1, 2])
}
write.csv(do.call(rbind, lapply(items, one)), given[2], row.names = FALSE)
