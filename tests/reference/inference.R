# Reference inference by lme4, lmerTest, RLRsim and numDeriv: intervals, tests, standard errors, leave-one-out refits.
# README.md beside this file explains what is written.
#
#   Rscript tests/reference/inference.R [public] [example] [joint] [ess]     (all when none is named)
#
# ESS data are looked for in QA_SHARED_DATA, default ../shared/data beside the repository, and skipped when absent.
# Only aggregate results of real interviewers are written; results without single interviewers only for public and
# made-up data.
folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(folder, "common.R"))
suppressPackageStartupMessages({
  library(RLRsim)
  library(numDeriv)
})

LEVEL <- qchisq(0.95, 1)
SIMULATIONS <- 200000
SEED <- 1709

# ---- deviance as a function of all variance parameters --------------------------------------------------------------

# Deviance of a model with the fixed effects profiled out: `profiled(theta)` with the residual variance profiled out
# too (lme4's own), `full(theta, s2)` without; theta is lme4's, the Cholesky factor of D / s2, lower triangle by column.
deviances <- function(formula, rows, reml) {
  profiled <- do.call(lme4::lmer, list(formula, data = rows, REML = reml, devFunOnly = TRUE))
  inside <- environment(profiled)
  m <- nrow(rows) - if (reml) ncol(inside$pp$X) else 0
  full <- function(theta, s2) {
    profiled(theta)
    log_determinants <- inside$pp$ldL2() + if (reml) inside$pp$ldRX2() else 0
    log_determinants + m * log(2 * pi * s2) + (inside$resp$wrss() + inside$pp$sqrL(1)) / s2
  }
  list(profiled = profiled, full = full)
}

# theta of one sd, or of two sds and their correlation.
theta_of <- function(sds, correlation, s2) {
  if (length(sds) == 1) return(sds / sqrt(s2))
  c(sds[1], correlation * sds[2], sqrt(max(0, 1 - correlation^2)) * sds[2]) / sqrt(s2)
}

# ---- profile-likelihood intervals -----------------------------------------------------------------------------------

# Where `excess` (profile deviance above its minimum) crosses the chi-square quantile on either side of `estimate`.
# A side that never crosses ends at its bound.
interval <- function(excess, estimate, low, high) {
  over <- function(x) excess(x) - LEVEL
  root <- function(from, to) uniroot(over, sort(c(from, to)), tol = 1e-10 * abs(to - from))$root
  lower <- if (over(low) <= 0) low else root(low, estimate)
  if (is.finite(high)) {
    upper <- if (over(high) <= 0) high else root(estimate, high)
  } else {
    far <- if (estimate > 0) 1.5 * estimate else attr(excess, "unit")
    while (over(far) <= 0) far <- 1.5 * far
    upper <- root(estimate, far)
  }
  c(lower, upper)
}

entry <- function(quantity, term, with, estimate, ends) {
  list(quantity = quantity, term = term, with = with, estimate = estimate, lower = ends[1], upper = ends[2])
}

# One random term: ICC (theta^2 = icc / (1 - icc)), its variance, the residual variance.
intervals_one <- function(deviance, fit, term) {
  s2 <- sigma(fit)^2
  theta <- getME(fit, "theta")
  bottom <- min(deviance$profiled(theta), deviance$profiled(0))
  around <- function(f) optimize(f, log(s2) + c(-2, 2), tol = 1e-12)$objective
  of_theta <- structure(function(x) deviance$profiled(x) - bottom, unit = 0.05)
  of_variance <- structure(function(v) around(function(l) deviance$full(sqrt(v / exp(l)), exp(l))) - bottom, unit = s2 / 100)
  of_residual <- function(s) {
    inner <- optimize(function(x) deviance$full(x, s), c(0, 3 * theta + 1), tol = 1e-9)$objective
    min(inner, deviance$full(0, s)) - bottom
  }
  ends <- interval(of_theta, theta, 0, Inf)^2
  rbind_entries(
    if (term == "(Intercept)") list(entry("icc", term, NULL, theta^2 / (1 + theta^2), ends / (1 + ends))),
    list(entry("variance", term, NULL, theta^2 * s2, interval(of_variance, theta^2 * s2, 0, Inf)),
         entry("variance", "residual", NULL, s2, interval(of_residual, s2, s2 / 20, s2 * 20)))
  )
}

# Minimum of a function within bounds: bobyqa (no derivatives) from every start, then nlminb from the best end. nlminb alone
# walks to an sd of 0, where the gradient vanishes, and stays there.
lowest <- function(f, starts, low, high) {
  tried <- lapply(starts, function(s) minqa::bobyqa(pmin(pmax(s, low), high), f, lower = low, upper = high,
                                                    control = list(rhobeg = 0.2, rhoend = 1e-8, maxfun = 20000)))
  end <- tried[[which.min(sapply(tried, function(one) one$fval))]]
  control <- list(rel.tol = 1e-13, x.tol = 1e-10, eval.max = 2000, iter.max = 1000)
  min(end$fval, nlminb(end$par, f, lower = low, upper = high, control = control)$objective)
}

rbind_entries <- function(...) do.call(c, list(...))

# Intercept and slope: both variances, their correlation, the residual variance; the minimum over the other three
# parameters is the best of three starts (the optimum, no correlation, hardly any slope variance).
intervals_two <- function(deviance, fit, terms) {
  s2 <- sigma(fit)^2
  found <- VarCorr(fit)[[1]]
  sds <- attr(found, "stddev")
  best <- c(sds[1], sds[2], attr(found, "correlation")[2, 1], s2)
  value <- function(p) deviance$full(theta_of(p[1:2], p[3], p[4]), p[4])
  bottom <- value(best)
  scale <- c(best[1], best[2], 1, s2)
  excess <- function(fixed) function(x) {
    at <- function(free) {
      p <- replace(numeric(4), fixed, x)
      p[-fixed] <- free * scale[-fixed]
      value(p)
    }
    low <- c(0, 0, -1, 0.05)[-fixed]
    high <- c(20, 20, 1, 20)[-fixed]
    starts <- list(best, c(best[1:2], 0, s2), c(best[1], best[2] / 10, 0, s2))
    lowest(at, lapply(starts, function(p) (p / scale)[-fixed]), low, high) - bottom
  }
  list(
    entry("variance", terms[1], NULL, best[1]^2, interval(excess(1), best[1], 0, Inf)^2),
    entry("variance", terms[2], NULL, best[2]^2, interval(excess(2), best[2], 0, Inf)^2),
    entry("correlation", terms[1], terms[2], best[3], interval(excess(3), best[3], -1, 1)),
    entry("variance", "residual", NULL, s2, interval(excess(4), s2, s2 / 20, s2 * 20))
  )
}

# Any number of random terms: every variance, every correlation, the residual variance. The parameters are the sds, the
# correlations and the residual variance; the minimum over all but one is the best of two starts.
intervals_many <- function(deviance, fit, terms) {
  q <- length(terms)
  s2 <- sigma(fit)^2
  found <- VarCorr(fit)[[1]]
  sds <- attr(found, "stddev")
  pairs <- which(lower.tri(diag(q)), arr.ind = TRUE)
  best <- c(sds, attr(found, "correlation")[lower.tri(diag(q))], s2)
  scale <- c(sds, rep(1, nrow(pairs)), s2)
  value <- function(p) {
    correlations <- diag(q)
    correlations[lower.tri(correlations)] <- p[q + seq_len(nrow(pairs))]
    correlations <- correlations + t(correlations) - diag(q)
    if (min(eigen(correlations, only.values = TRUE)$values) < 1e-10) return(1e10)
    deviance$full((diag(p[1:q], q) %*% t(chol(correlations)))[lower.tri(diag(q), diag = TRUE)] / sqrt(p[length(p)]), p[length(p)])
  }
  bottom <- value(best)
  lowest_free <- c(rep(0, q), rep(-0.999999, nrow(pairs)), 0.05)
  highest_free <- c(rep(20, q), rep(0.999999, nrow(pairs)), 20)
  excess <- function(fixed) function(x) {
    at <- function(free) {
      p <- replace(numeric(length(best)), fixed, x)
      p[-fixed] <- free * scale[-fixed]
      value(p)
    }
    starts <- list(best, replace(best, q + seq_len(nrow(pairs)), best[q + seq_len(nrow(pairs))] / 2))
    lowest(at, lapply(starts, function(p) (p / scale)[-fixed]), lowest_free[-fixed], highest_free[-fixed]) - bottom
  }
  variances <- lapply(seq_len(q), function(k) entry("variance", terms[k], NULL, best[k]^2, interval(excess(k), best[k], 1e-6 * best[k], Inf)^2))
  correlations <- lapply(seq_len(nrow(pairs)), function(k) {
    entry("correlation", terms[pairs[k, 2]], terms[pairs[k, 1]], best[q + k], interval(excess(q + k), best[q + k], -0.9999, 0.9999))
  })
  c(variances, correlations, list(entry("variance", "residual", NULL, s2, interval(excess(length(best)), s2, s2 / 20, s2 * 20))))
}

# With the predictor centred theta[1]^2 = icc / (1 - icc) at its mean: profile over the other two elements of theta.
icc_at_mean <- function(deviance, fit, term) {
  theta <- getME(fit, "theta")
  bottom <- deviance$profiled(theta)
  excess <- function(x) {
    starts <- list(theta[-1], c(0, theta[3]), theta[-1] / 10)
    lowest(function(free) deviance$profiled(c(x, free)), starts, c(-Inf, 0), c(Inf, Inf)) - bottom
  }
  ends <- interval(excess, theta[1], 0, Inf)^2
  list(entry("icc_at_mean", term, NULL, theta[1]^2 / (1 + theta[1]^2), ends / (1 + ends)))
}

own_intervals <- function(rows, m, group, fit) {
  formula <- fit_formula(m, group)
  reml <- m$method == "REML"
  deviance <- deviances(formula, rows, reml)
  # The pieces put together again have to be lme4's own deviance at the optimum.
  stopifnot(abs(deviance$full(getME(fit, "theta"), sigma(fit)^2) + 2 * as.numeric(logLik(fit))) < 1e-5)
  terms <- names(ranef(fit)[[group]])
  if (length(terms) == 1) return(intervals_one(deviance, fit, terms))
  if (length(terms) > 2 || length(m$interactions)) return(intervals_many(deviance, fit, terms))
  rows[[m$slopes]] <- rows[[m$slopes]] - mean(rows[[m$slopes]])
  centred <- best_fit(formula, rows, reml)
  centred_deviance <- deviances(formula, rows, reml)
  at_mean <- intervals_two(centred_deviance, centred, terms)[[1]]
  at_mean$quantity <- "variance_at_mean"
  c(intervals_two(deviance, fit, terms), list(at_mean), icc_at_mean(centred_deviance, centred, terms[1]))
}

# confint of lme4 itself (ML, on sds), by profile; null where it has no number.
lme4_profile <- function(fit) {
  table <- suppressMessages(suppressWarnings(tryCatch(
    confint(fit, method = "profile", oldNames = FALSE, quiet = TRUE, level = 0.95), error = function(e) NULL)))
  if (is.null(table)) return(NULL)
  # A profile that broke off on one side is none.
  table[!complete.cases(table), ] <- NA
  labels <- sub("\\|.*", "", rownames(table))
  kind <- ifelse(grepl("^sd_", labels), "sd", ifelse(grepl("^cor_", labels), "correlation",
                 ifelse(labels == "sigma", "sd", "fixed")))
  data.frame(quantity = kind, term = ifelse(labels == "sigma", "residual", sub("^(sd|cor)_", "", labels)),
             lower = unname(table[, 1]), upper = unname(table[, 2]))
}

# ---- standard errors of the variance components ----------------------------------------------------------------------

# Observed information of (variances, covariances, residual variance): half the Hessian of the (RE)ML deviance with the
# fixed effects profiled out. `se_lmertest` is the delta method on lmerTest's own covariance of (theta, sigma).
variance_errors <- function(rows, m, group, fit) {
  full <- deviances(fit_formula(m, group), rows, m$method == "REML")$full
  q <- ncol(ranef(fit)[[group]])
  lower <- lower.tri(diag(q), diag = TRUE)
  components <- as.matrix(VarCorr(fit)[[group]])[lower]
  estimates <- c(components, sigma(fit)^2)
  # A covariance may be near zero: its unit is the product of its sds.
  sds <- sqrt(diag(as.matrix(VarCorr(fit)[[group]])))
  unit <- c(outer(sds, sds)[lower], sigma(fit)^2)
  value <- function(x) {
    d <- matrix(0, q, q)
    d[lower] <- (x * unit)[-length(x)]
    s2 <- x[length(x)] * unit[length(x)]
    d <- d + t(d) - diag(diag(d), q)
    full(t(chol(d / s2))[lower], s2)
  }
  half_hessian <- hessian(value, estimates / unit, method.args = list(d = 0.01, r = 6)) / 2
  covariance <- solve(half_hessian) * outer(unit, unit)
  tested <- as_lmerModLmerTest(fit)
  theta_sigma <- c(getME(fit, "theta"), sigma(fit))
  from_theta <- function(x) {
    factor <- matrix(0, q, q)
    factor[lower] <- x[seq_len(sum(lower))]
    c(((factor %*% t(factor)) * x[length(x)]^2)[lower], x[length(x)]^2)
  }
  slope <- jacobian(from_theta, theta_sigma)
  by_lmertest <- slope %*% tested@vcov_varpar %*% t(slope)
  names <- colnames(ranef(fit)[[group]])
  index <- which(lower, arr.ind = TRUE)
  list(
    parameters = lapply(seq_along(estimates), function(k) {
      inside <- k <= nrow(index)
      first <- if (inside) names[index[k, 2]] else "residual"
      with <- if (inside && index[k, 1] != index[k, 2]) names[index[k, 1]] else NULL
      list(term = first, with = with, value = estimates[k], se = sqrt(covariance[k, k]), se_lmertest = sqrt(by_lmertest[k, k]))
    }),
    covariance = covariance
  )
}

# ---- exact restricted likelihood-ratio test --------------------------------------------------------------------------

restricted_test <- function(fit) {
  X <- getME(fit, "X")
  Z <- as.matrix(getME(fit, "Z"))
  drawn <- RLRTSim(X, Z, qr(X), sqrt.Sigma = diag(ncol(Z)), seed = SEED, nsim = SIMULATIONS)
  # REML's own log-likelihood without the random term, as in exactRLRT.
  m <- nrow(X) - ncol(X)
  squares <- sum(qr.resid(qr(X), getME(fit, "y"))^2)
  without <- m * log(2 * pi) + m * log(squares) + determinant(crossprod(X))$modulus + m - m * log(m)
  # Rounding leaves 1e-13 at zero variance, which exactRLRT would take for a statistic above zero.
  observed <- as.numeric(2 * logLik(fit, REML = TRUE) + without)
  if (observed < 1e-8) observed <- 0
  tested <- suppressMessages(exactRLRT(fit, seed = SEED, nsim = 1000))
  stopifnot(abs(tested$statistic - observed) < 1e-6)
  quantiles <- c(0.5, 0.9, 0.95, 0.99)
  list(statistic = observed, p = if (observed > 0) mean(drawn > observed) else 1, simulations = SIMULATIONS, seed = SEED,
       mass_at_zero = mean(drawn == 0), quantiles = data.frame(level = quantiles, value = unname(quantile(drawn, quantiles))))
}

# ---- groups of covariates --------------------------------------------------------------------------------------------

# For each named group of terms: F with Satterthwaite's denominator (lmerTest) and, between ML fits, the likelihood ratio.
group_tests <- function(rows, m, group, fit, groups) {
  tested <- if (!isSingular(fit, tol = 1e-6)) suppressMessages(as_lmerModLmerTest(fit))
  names <- names(fixef(fit))
  formula <- fit_formula(m, group)
  ml <- best_fit(formula, rows, FALSE)
  lapply(names(groups), function(name) {
    variables <- groups[[name]]
    smaller <- modifyList(m, list(covariates = setdiff(m$covariates, variables), interactions = setdiff(m$interactions, variables)))
    columns <- setdiff(names, colnames(model.matrix(lme4::nobars(fit_formula(smaller, group)), rows)))
    contrasts <- diag(length(names))[match(columns, names), , drop = FALSE]
    without <- best_fit(fit_formula(smaller, group), rows, FALSE)
    ratio <- max(0, 2 * as.numeric(logLik(ml) - logLik(without)))
    result <- list(group = name, terms = I(columns), lr = ratio, lr_df = length(columns),
                   lr_p = pchisq(ratio, length(columns), lower.tail = FALSE))
    if (is.null(tested)) return(result)
    test <- contestMD(tested, contrasts, ddf = "Satterthwaite")
    # One factor is a row of the type III table.
    if (length(variables) == 1 && !length(m$interactions)) {
      row <- anova(tested, type = 3, ddf = "Satterthwaite")[variables, ]
      stopifnot(all.equal(row[["F value"]], test[["F value"]], tolerance = 1e-6))
    }
    c(result, list(f = test[["F value"]], num_df = test$NumDF, den_df = test$DenDF, p = test[["Pr(>F)"]]))
  })
}

# ---- leaving one group out -------------------------------------------------------------------------------------------

# Refits without each group. cook = (b - b_-j)' Var(b)^-1 (b - b_-j) / p with Var(b) of the fit with everyone;
# cook_deleted with Var(b_-j), as influence.ME computes it; covratio = det Var(b_-j) / det Var(b).
leave_out <- function(rows, m, group, fit, judged = levels(rows[[group]])) {
  formula <- fit_formula(m, group)
  full <- list(fixef = fixef(fit), vcov = as.matrix(vcov(fit)))
  entries <- lapply(judged, function(j) {
    refit <- best_fit(formula, droplevels(rows[rows[[group]] != j, ]), m$method == "REML")
    change <- full$fixef - fixef(refit)
    covariance <- as.matrix(vcov(refit))
    components <- as.data.frame(VarCorr(refit))
    components <- components[components$grp == group, ]
    list(group = j, fixed = I(unname(fixef(refit))), se = I(unname(sqrt(diag(covariance)))), varcomp = I(components$vcov),
         residual = sigma(refit)^2, loglik = as.numeric(logLik(refit)),
         cook = sum(change * solve(full$vcov, change)) / length(change),
         cook_deleted = sum(change * solve(covariance, change)) / length(change),
         covratio = det(covariance) / det(full$vcov))
  })
  names(entries) <- NULL
  entries
}

# The largest Cook's distance and the extremes of the ratios, without saying whose.
extremes <- function(entries, intercept_variance) {
  of <- function(name) sapply(entries, function(one) one[[name]][1])
  ratio <- of("varcomp") / intercept_variance
  list(largest_cook = max(of("cook")), smallest_covratio = min(of("covratio")), largest_covratio = max(of("covratio")),
       smallest_variance_ratio = min(ratio), largest_variance_ratio = max(ratio))
}

# ---- one model -------------------------------------------------------------------------------------------------------

infer <- function(rows, m, group, groups = NULL, judged = NULL, anonymous = FALSE, simulate = TRUE, profile = TRUE) {
  result <- describe(rows, m, group, effects = FALSE)
  rows <- complete(rows, m, group)
  fit <- best_fit(fit_formula(m, group), rows, m$method == "REML")
  one_term <- length(m$slopes) + m$random_intercept == 1
  result$criteria <- list(parameters = attr(logLik(fit), "df"), aic = AIC(fit), bic = BIC(fit))
  if (profile) {
    if (m$method == "ML") result$profile_lme4 <- lme4_profile(fit)
    if (one_term || !result$singular) result$intervals <- own_intervals(rows, m, group, fit)
  }
  if (!result$singular) result$variance_se <- variance_errors(rows, m, group, fit)
  if (simulate && one_term && m$method == "REML") result$rlrt <- restricted_test(fit)
  if (!is.null(groups)) result$group_tests <- group_tests(rows, m, group, fit, groups)
  if (!is.null(judged) || anonymous) {
    entries <- leave_out(rows, m, group, fit, if (is.null(judged)) levels(rows[[group]]) else judged)
    if (anonymous) result$extremes <- extremes(entries, result$varcomp$value[1]) else result$left_out <- entries
  }
  cat(" ", m$name, m$method, "\n")
  result
}

save_inference <- function(name, group, source, fits, missing_codes = NULL) {
  write_reference(paste0("inference_", name), group, source, fits, missing_codes, script = "inference.R",
                  packages = c(optimisers, "RLRsim", "numDeriv"))
}

# ---- public data -----------------------------------------------------------------------------------------------------

public <- function() {
  sleep <- sleep_rows()
  models <- c(
    both("null", "Reaction"),
    both("intercept", "Reaction", "Days"),
    both("intercept_and_slope", "Reaction", slopes = "Days"),
    both("slope_only", "Reaction", slopes = "Days", intercept = FALSE)
  )
  days <- model("days_as_factor", "Reaction", "Days", categorical = "Days")
  all_of <- function(rows) as.character(sort(unique(rows$Subject)))
  fits <- lapply(models, function(m) infer(sleep, m, "Subject", judged = if (m$method == "REML") all_of(sleep)))
  fits <- c(fits, list(infer(sleep, days, "Subject", groups = list(Days = "Days"))))
  save_inference("sleepstudy", "Subject", "sleepstudy.csv", fits)
  kept <- sleep[sleep$kept == 1, ]
  fits <- lapply(models, function(m) infer(kept, m, "Subject", judged = if (m$method == "REML") all_of(kept)))
  fits <- c(fits, list(infer(kept, days, "Subject", groups = list(Days = "Days"))))
  save_inference("sleepstudy_unbalanced", "Subject", "rows of sleepstudy.csv with kept = 1", fits)
  for (name in c("Dyestuff", "Dyestuff2")) {
    dyes <- get(name, asNamespace("lme4"))
    fits <- lapply(both("null", "Yield"), function(m) infer(dyes, m, "Batch", judged = if (m$method == "REML") levels(dyes$Batch)))
    save_inference(tolower(name), "Batch", paste0(tolower(name), ".csv"), fits)
  }
}

# ---- the example wave ------------------------------------------------------------------------------------------------

example <- function() {
  read <- example_wave()
  clean <- recode(read$rows, read$codes)
  # Two that stand out and eight spread over the workloads.
  workload <- sort(table(clean$intnum))
  judged <- c("4976", "7519", setdiff(names(workload)[round(seq(1, length(workload), length.out = 8))], c("4976", "7519")))
  fits <- list()
  for (item in c("trstprl", "stflife", "trstplc", "gincdif", "trstplt", "pplhlp")) {
    fits <- c(fits, lapply(both(paste0("null:", item), item), function(m) {
      infer(clean, m, "intnum", judged = if (m$method == "REML" && item %in% c("pplhlp", "stflife")) judged)
    }))
    fits <- c(fits, lapply(both(paste0("adjusted:", item), item, c("age", "gender", "education"), categorical = "gender"),
                           function(m) infer(clean, m, "intnum")))
  }
  fits <- c(fits, lapply(both("slope:pplhlp", "pplhlp", slopes = "trstplc"),
                         function(m) infer(clean, m, "intnum", judged = if (m$method == "REML") judged)))
  respondent <- c("age", "gender", "education")
  interviewer <- c("resp_rate", "experience")
  groups <- list(respondent = respondent, region = "region", interviewer = interviewer)
  for (item in c("trstprl", "stflife", "imbgeco", "pplhlp")) {
    m <- model(paste0("groups:", item), item, c(respondent, "region", interviewer), categorical = c("gender", "region"))
    fits <- c(fits, list(infer(clean, m, "intnum", groups = groups, simulate = item == "stflife", profile = FALSE)))
  }
  cross <- paste0(interviewer, ":trstplc")
  m <- model("covariates:pplhlp", "pplhlp", c(respondent, interviewer), slopes = "trstplc", categorical = "gender",
             interactions = cross)
  groups <- list(respondent = respondent, cross = cross, everything = c(interviewer, cross))
  fits <- c(fits, list(infer(clean, m, "intnum", groups = groups, profile = FALSE)))
  save_inference("example", "intnum", "configs/example_wave.csv joined with example_interviewers.csv", fits, read$codes)
}

# ---- several random terms --------------------------------------------------------------------------------------------

# Twenty made-up groups of 15 rows, y on x and w with three random terms, and the example's model with cross-level terms.
joint <- function() {
  rows <- utils::read.csv(file.path(folder, "three_terms.csv"))
  rows$group <- factor(rows$group)
  m <- model("three_terms", "y", slopes = c("x", "w"))
  save_inference("three_terms", "group", "three_terms.csv", list(infer(rows, m, "group", simulate = FALSE)))
  read <- example_wave()
  clean <- recode(read$rows, read$codes)
  interviewer <- c("resp_rate", "experience")
  m <- model("covariates:pplhlp", "pplhlp", c("age", "gender", "education", interviewer), slopes = "trstplc",
             categorical = "gender", interactions = paste0(interviewer, ":trstplc"))
  save_inference("example_joint", "intnum", "configs/example_wave.csv joined with example_interviewers.csv",
                 list(infer(clean, m, "intnum", simulate = FALSE)), read$codes)
}

# ---- European Social Survey, round 11 --------------------------------------------------------------------------------

ess <- function() {
  chosen <- list(ess11_ch = c("wprtbym", "wsekpwr", "gincdif", "trstplc", "trstprl", "eqwrkbg"),
                 ess11_de = c("lrscale", "iphlppla", "gincdif", "trstprt", "trstprl", "imbgeco"))
  adjusting <- names(ess_who)
  more <- list(domicil = c(7, 8, 9), intagea = c(777, 888, 999), intgndr = c(7, 8, 9))
  groups <- list(respondent = adjusting, domicil = "domicil", interviewer = c("intagea", "intgndr"))
  for (name in names(chosen)) {
    codes <- c(ess_items()[[name]], ess_who, more)
    rows <- ess_rows(name, codes)
    if (is.null(rows)) next
    fits <- list()
    for (item in chosen[[name]]) {
      fits <- c(fits, lapply(both(paste0("null:", item), item), function(m) {
        infer(rows, m, "intnum", anonymous = name == "ess11_ch" && item == "trstplc" && m$method == "REML")
      }))
      fits <- c(fits, lapply(both(paste0("adjusted:", item), item, adjusting, categorical = "gndr"),
                             function(m) infer(rows, m, "intnum")))
    }
    for (item in chosen[[name]][4:5]) {
      m <- model(paste0("groups:", item), item, c(adjusting, "domicil", "intagea", "intgndr"),
                 categorical = c("gndr", "domicil", "intgndr"))
      fits <- c(fits, list(infer(rows, m, "intnum", groups = groups, simulate = FALSE, profile = FALSE)))
    }
    fits <- c(fits, lapply(both("slope:trstprl", "trstprl", slopes = "trstplc"), function(m) infer(rows, m, "intnum")))
    save_inference(name, "intnum", paste0(name, "_main.csv joined with ", name, "_interviewer.csv on cntry, idno"), fits, codes)
  }
}

wanted <- commandArgs(trailingOnly = TRUE)
parts <- c("public", "example", "joint", "ess")
if (!length(wanted)) wanted <- parts
stopifnot(all(wanted %in% parts))
for (part in wanted) get(part)()
