# Reference for the spread of interviewers' answers: nlme, glmmTMB, and the location-scale likelihood integrated by R.
# README.md beside this file explains what is written.
#
#   Rscript tests/reference/spread.R
#
# Per-interviewer variances: nlme's gls with one mean and one variance per interviewer (REML), and glmmTMB with one
# mean and one dispersion per interviewer (REML). Random effects on the log standard deviation: glmmTMB 1.1.5 has none
# in its dispersion formula, so the restricted likelihood is integrated over each effect by stats::integrate and
# maximised by stats::optimize, independently of the program under test (own quadrature, grid and spline).
folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressPackageStartupMessages({
  library(nlme)
  library(glmmTMB)
  library(jsonlite)
})

example <- read.csv(file.path(folder, "..", "..", "configs", "example_wave.csv"))
ITEMS <- c("stfgov", "pplhlp", "ppltrst", "imwbcnt")
MISSING <- c(77, 88, 99)

per_interviewer <- function(item) {
  rows <- example[!(example[[item]] %in% MISSING) & !is.na(example[[item]]), c("intnum", item)]
  names(rows)[2] <- "y"
  n <- table(rows$intnum)
  rows <- rows[rows$intnum %in% names(n)[n >= 4], ]
  variances <- tapply(rows$y, rows$intnum, var)
  rows <- rows[rows$intnum %in% names(variances)[variances > 0], ]
  rows$intnum <- factor(rows$intnum)
  # The twenty largest workloads: a mean and a variance for each is a large model for both programs.
  largest <- names(sort(table(rows$intnum), decreasing = TRUE))[1:20]
  rows <- droplevels(rows[rows$intnum %in% largest, ])
  by_gls <- gls(y ~ intnum - 1, rows, weights = varIdent(form = ~ 1 | intnum), method = "REML",
    control = glsControl(maxIter = 500, msMaxIter = 500, tolerance = 1e-10))
  ratios <- coef(by_gls$modelStruct$varStruct, unconstrained = FALSE, allCoef = TRUE)
  by_tmb <- glmmTMB(y ~ intnum - 1, dispformula = ~ intnum - 1, data = rows, REML = TRUE)
  dispersion <- exp(fixef(by_tmb)$disp)
  ids <- levels(rows$intnum)
  list(item = item, groups = ids, n = as.integer(table(rows$intnum)[ids]),
    nlme = as.numeric((by_gls$sigma * ratios[ids])^2), glmmTMB = as.numeric(dispersion))
}

# log of the integral over v ~ N(0, tau^2) of the chi-square likelihood of ratio = exp(2 (s + v)) chi2(df) / df.
log_marginal <- function(ratio, df, s, tau) {
  kernel <- function(v) -df * (s + v) - df * ratio * exp(-2 * (s + v)) / 2
  if (tau == 0) return(kernel(0))
  height <- function(v) kernel(v) - v^2 / (2 * tau^2)
  best <- optimize(height, c(-6, 6), maximum = TRUE, tol = 1e-10)
  width <- 1 / sqrt(1 / tau^2 + 2 * df * ratio * exp(-2 * (s + best$maximum)))
  inside <- function(v) exp(height(v) - best$objective)
  mass <- integrate(inside, best$maximum - 12 * width, best$maximum + 12 * width, rel.tol = 1e-10,
    subdivisions = 500)$value
  best$objective + log(mass) - log(tau) - log(2 * pi) / 2
}

location_scale <- function(name, ratio, df) {
  information <- function(tau) sum(1 / (tau^2 + 1 / (2 * df)))
  profile <- function(tau) {
    at <- function(s) sum(mapply(log_marginal, ratio, df, MoreArgs = list(s = s, tau = tau)))
    best <- optimize(at, c(-2, 2), maximum = TRUE, tol = 1e-9)
    c(best$objective - log(information(tau)) / 2, best$maximum)
  }
  best <- optimize(function(tau) profile(tau)[1], c(0, 1.2), maximum = TRUE, tol = 1e-6)
  zero <- profile(0)[1]
  tau <- if (zero >= best$objective) 0 else best$maximum
  top <- max(zero, best$objective)
  s <- profile(tau)[2]
  end <- function(tau) 2 * (top - profile(tau)[1]) - qchisq(0.95, 1)
  lower <- if (tau == 0 || end(0) <= 0) 0 else uniroot(end, c(0, tau), tol = 1e-6)$root
  upper <- uniroot(end, c(tau, 1.4), tol = 1e-6)$root
  moment <- function(r, d, power) {
    if (tau == 0) return(0)
    weight <- function(v) exp(-d * v - d * r * exp(-2 * (s + v)) / 2 - v^2 / (2 * tau^2) + shift)
    shift <- 0
    shift <- -log(weight(0))
    integrate(function(v) v^power * weight(v), -6 * tau, 6 * tau, rel.tol = 1e-9, subdivisions = 500)$value /
      integrate(weight, -6 * tau, 6 * tau, rel.tol = 1e-9, subdivisions = 500)$value
  }
  mean <- mapply(moment, ratio, df, MoreArgs = list(power = 1))
  square <- mapply(moment, ratio, df, MoreArgs = list(power = 2))
  list(name = name, ratio = ratio, df = df, tau = tau, centre = s, lower = lower, upper = upper,
    statistic = 2 * (top - zero), eblup = mean, conditional_sd = sqrt(pmax(square - mean^2, 0)))
}

set.seed(2008)
drawn <- function(interviewers, tau) {
  df <- sample(2:30, interviewers, replace = TRUE) * 1.1
  list(ratio = exp(2 * rnorm(interviewers, 0, tau)) * rchisq(interviewers, df) / df, df = df)
}
cases <- list(zero = drawn(40, 0), small = drawn(60, 0.15), medium = drawn(60, 0.3), large = drawn(25, 0.7),
  few = drawn(5, 0.4), alike = within(drawn(40, 0.1), ratio[7] <- 0.02))
write_json(
  list(
    meta = list(R = R.version.string, script = "spread.R",
      packages = list(nlme = as.character(packageVersion("nlme")), glmmTMB = as.character(packageVersion("glmmTMB")))),
    variances = lapply(ITEMS, per_interviewer),
    location_scale = unname(Map(function(name, case) location_scale(name, case$ratio, case$df), names(cases), cases))
  ),
  file.path(folder, "spread.json"), digits = 15, auto_unbox = TRUE, pretty = TRUE
)
