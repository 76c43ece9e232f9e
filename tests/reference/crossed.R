# Reference fits with two crossed or nested random intercepts, and of weighted answers; README.md beside this explains.
#
#   Rscript tests/reference/crossed.R [public] [example] [ess] [weighted]     (all four when none is named)
#
# ESS data are looked for in QA_SHARED_DATA, default ../shared/data beside the repository, and skipped when absent.
folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(folder, "common.R"))

# ---- two random intercepts -----------------------------------------------------------------------------------------

# y ~ covariates + (1 | first) + (1 | second), REML, and the same without each of the two.
two_intercepts <- function(rows, name, outcome, first, second, covariates = character(), categorical = character()) {
  rows <- rows[complete.cases(rows[c(outcome, first, second, covariates)]), ]
  for (column in c(first, second, categorical)) rows[[column]] <- factor(rows[[column]])
  formula <- function(groups) {
    terms <- c(if (length(covariates)) covariates else "1", sprintf("(1 | %s)", groups))
    reformulate(terms, outcome)
  }
  fit <- best_fit(formula(c(first, second)), rows, TRUE)
  variances <- as.data.frame(VarCorr(fit))
  list(name = name, outcome = outcome, first = first, second = second, covariates = I(covariates),
       categorical = I(categorical), n = nobs(fit), levels = I(c(nlevels(rows[[first]]), nlevels(rows[[second]]))),
       singular = isSingular(fit, tol = 1e-6), loglik = as.numeric(logLik(fit)),
       fixed = data.frame(term = names(fixef(fit)), estimate = unname(fixef(fit)), se = sqrt(diag(as.matrix(vcov(fit)))),
                          row.names = NULL),
       variances = I(sapply(c(first, second, "Residual"), function(part) variances$vcov[variances$grp == part])),
       loglik_without = I(c(as.numeric(logLik(best_fit(formula(second), rows, TRUE))),
                            as.numeric(logLik(best_fit(formula(first), rows, TRUE))))))
}

# One level of the first grouping against the fit without it: its fixed effect by generalised least squares, with the
# variances of the fit without it and V written out in full.
shift_of <- function(rows, name, outcome, first, second, level, covariates = character()) {
  rows <- rows[complete.cases(rows[c(outcome, first, second, covariates)]), ]
  terms <- c(if (length(covariates)) covariates else "1", sprintf("(1 | %s)", c(first, second)))
  own <- rows[[first]] == level
  fit <- best_fit(reformulate(terms, outcome), rows[!own, ], TRUE)
  components <- as.data.frame(VarCorr(fit))
  variance <- function(part) components$vcov[components$grp == part]
  same <- function(column) outer(rows[[column]], rows[[column]], "==")
  V <- variance(first) * same(first) + variance(second) * same(second) + diag(variance("Residual"), nrow(rows))
  X <- cbind(model.matrix(reformulate(if (length(covariates)) covariates else "1"), rows), own)
  precision <- solve(V, X)
  covariance <- solve(crossprod(X, precision))
  estimate <- covariance %*% crossprod(precision, rows[[outcome]])
  last <- ncol(X)
  list(name = name, outcome = outcome, first = first, second = second, covariates = I(covariates), level = as.character(level),
       shift = estimate[last], se = sqrt(covariance[last, last]))
}

public <- function() {
  write_csv <- function(rows, name) write.csv(rows, file.path(folder, name), row.names = FALSE, quote = FALSE, eol = "\n")
  penicillin <- lme4::Penicillin
  pastes <- lme4::Pastes
  # The crossed one with a quarter of the cells missing: plates and samples no longer balanced.
  penicillin$kept <- as.integer((as.integer(penicillin$plate) * 7 + as.integer(penicillin$sample) * 5) %% 4 != 0)
  write_csv(penicillin, "penicillin.csv")
  write_csv(pastes[c("strength", "batch", "sample")], "pastes.csv")
  fits <- list(
    two_intercepts(penicillin, "penicillin", "diameter", "plate", "sample"),
    two_intercepts(penicillin[penicillin$kept == 1, ], "penicillin_unbalanced", "diameter", "plate", "sample"),
    two_intercepts(pastes, "pastes", "strength", "sample", "batch")
  )
  write_reference("crossed_public", "", "penicillin.csv (*_unbalanced: rows with kept = 1), pastes.csv", fits, script = "crossed.R")
}

example <- function() {
  read <- example_wave()
  rows <- recode(read$rows, read$codes)
  who <- c("age", "gender", "education")
  fits <- lapply(read$items, function(item) two_intercepts(rows, paste0("area:", item), item, "intnum", "area"))
  fits <- c(fits, list(
    two_intercepts(rows, "area_adjusted:pplhlp", "pplhlp", "intnum", "area", who, "gender"),
    two_intercepts(rows, "team:pplhlp", "pplhlp", "intnum", "region"),
    two_intercepts(rows, "team:imwbcnt", "imwbcnt", "intnum", "region"),
    shift_of(rows, "shift:pplhlp", "pplhlp", "intnum", "area", 4976),
    shift_of(rows, "shift_adjusted:pplhlp", "pplhlp", "intnum", "area", 4976, c("age", "education")),
    shift_of(rows, "shift:imwbcnt", "imwbcnt", "intnum", "area", 7519)
  ))
  write_reference("crossed_example", "", "configs/example_wave.csv", fits, read$codes, script = "crossed.R")
}

ess <- function() {
  more <- c("eqpolbg", "eqmgmbg", "eqparep", "eqparlv", "fineqpy", "weasoff", "wlespdm", "wexashr", "wbrgwrm")
  codes <- ess_items()
  for (item in more) codes$ess11_ch[[item]] <- c(7, 8, 9)
  second <- c(ess11_ch = "stratum", ess11_de = "psu")
  for (name in names(codes)) {
    rows <- ess_rows(name, codes[[name]])
    if (is.null(rows)) next
    fits <- lapply(names(codes[[name]]), function(item) two_intercepts(rows, paste0("area:", item), item, "intnum", second[[name]]))
    write_reference(paste0("crossed_", name), "", paste0(name, "_main.csv joined with ", name, "_interviewer.csv on cntry, idno"),
                    fits, codes[[name]], script = "crossed.R")
  }
}

# ---- weights -------------------------------------------------------------------------------------------------------

# Log pseudo-likelihood of each group: the log of the integral over the effect of prod f(y | u)^w, by Gauss-Hermite
# quadrature with 61 points around the group's own mode; nothing here uses the closed form that the program uses.
hermite <- function(n) {
  decomposed <- eigen(`[<-`(`[<-`(matrix(0, n, n), cbind(1:(n - 1), 2:n), sqrt(1:(n - 1) / 2)), cbind(2:n, 1:(n - 1)),
                            sqrt(1:(n - 1) / 2)), symmetric = TRUE)
  list(x = decomposed$values, w = sqrt(pi) * decomposed$vectors[1, ]^2)
}
rule <- hermite(61)

pseudo <- function(theta, X, y, w, group) {
  p <- ncol(X)
  between <- theta[p + 1]
  residual <- theta[p + 2]
  e <- drop(y - X %*% theta[seq_len(p)])
  sapply(split(seq_along(y), group), function(own) {
    spread <- 1 / sqrt(sum(w[own]) / residual + 1 / between)
    mode <- sum(w[own] * e[own]) / residual * spread^2
    u <- mode + sqrt(2) * spread * rule$x
    inside <- sapply(u, function(v) sum(w[own] * dnorm(e[own], v, sqrt(residual), log = TRUE)) + dnorm(v, 0, sqrt(between), log = TRUE))
    top <- max(inside)
    top + log(sqrt(2) * spread * sum(rule$w * exp(rule$x^2) * exp(inside - top)))
  })
}

weighted_fit <- function(rows, name, outcome, covariates, group, weights, scaled) {
  y <- rows[[outcome]]
  X <- model.matrix(reformulate(if (length(covariates)) covariates else "1"), rows)
  w <- weights
  if (scaled) w <- w * ave(w, rows[[group]], FUN = length) / ave(w, rows[[group]], FUN = sum)
  p <- ncol(X)
  minus <- function(theta) if (min(theta[p + 1:2]) <= 0) 1e10 else -sum(pseudo(theta, X, y, w, rows[[group]]))
  start <- c(coef(lm(y ~ X - 1)), rep(var(y) / 2, 2))
  for (round in 1:6) start <- optim(start, minus, method = c("Nelder-Mead", "BFGS")[1 + round %% 2],
                                    control = list(reltol = 1e-15, maxit = 5000, parscale = pmax(abs(start), 1e-3)))$par
  bread <- numDeriv::hessian(minus, start)
  scores <- numDeriv::jacobian(function(theta) pseudo(theta, X, y, w, rows[[group]]), start)
  inverse <- solve(bread)
  groups <- nrow(scores)
  sandwich <- inverse %*% crossprod(scores) %*% inverse * groups / (groups - 1)
  list(name = name, outcome = outcome, covariates = I(covariates), group = group, scaled = scaled, weights = I(weights),
       loglik = -minus(start), estimate = I(unname(start)), sandwich_se = I(sqrt(diag(sandwich))))
}

# Whole weights, unscaled, are the same as rows repeated that often: lme4 by ML on the repeated rows.
repeated_fit <- function(rows, name, outcome, covariates, group, weights) {
  many <- rows[rep(seq_len(nrow(rows)), weights), ]
  fit <- best_fit(reformulate(c(if (length(covariates)) covariates else "1", sprintf("(1 | %s)", group)), outcome), many, FALSE)
  components <- as.data.frame(VarCorr(fit))
  list(name = name, outcome = outcome, covariates = I(covariates), group = group, scaled = FALSE, weights = I(weights),
       loglik = as.numeric(logLik(fit)), estimate = I(unname(c(fixef(fit), components$vcov))))
}

weighted <- function() {
  sleep <- sleep_rows()
  sleep <- sleep[sleep$kept == 1, ]
  place <- seq_len(nrow(sleep))
  whole <- 1 + (place * 5) %% 4
  broken <- 0.4 + ((place * 7) %% 11) / 5
  fits <- list(
    repeated_fit(sleep, "repeated", "Reaction", character(), "Subject", whole),
    repeated_fit(sleep, "repeated_days", "Reaction", "Days", "Subject", whole),
    weighted_fit(sleep, "unscaled", "Reaction", character(), "Subject", broken, FALSE),
    weighted_fit(sleep, "scaled", "Reaction", character(), "Subject", broken, TRUE),
    weighted_fit(sleep, "scaled_days", "Reaction", "Days", "Subject", broken, TRUE)
  )
  write_reference("weighted", "Subject", "rows of sleepstudy.csv with kept = 1", fits, script = "crossed.R",
                  packages = c("lme4", "Matrix", "numDeriv"))
}

wanted <- commandArgs(trailingOnly = TRUE)
if (!length(wanted)) wanted <- c("public", "example", "ess", "weighted")
stopifnot(all(wanted %in% c("public", "example", "ess", "weighted")))
for (part in wanted) get(part)()
