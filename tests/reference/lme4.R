# Reference fits by lme4 (and lmerTest) that the tests compare the kernel with; README.md beside this file explains.
#
#   Rscript tests/reference/lme4.R [public] [example] [ess]     (all three when none is named)
#
# ESS data are looked for in QA_SHARED_DATA, default ../shared/data beside the repository, and skipped when absent.
# Only aggregate results of real interviewers are written; effects of single interviewers only for public and made-up data.
folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(folder, "common.R"))

# ---- leaving one group out --------------------------------------------------------------------------------------------

# Leave-one-group-out: residual means (or lines) of a group against everybody else's fit, and their standard error.
# r = (Z'Z)^-1 Z'(y - X b_-j), V = D_-j + s2_-j (Z'Z)^-1 + A Var(b_-j) A', A = (Z'Z)^-1 Z'X; slopes centred at their grand mean.
deletion <- function(rows, m, group, judged = NULL) {
  rows <- complete(rows, m, group)
  for (name in m$slopes) rows[[name]] <- rows[[name]] - mean(rows[[name]])
  formula <- fit_formula(m, group)
  fixed <- lme4::nobars(formula)
  random <- reformulate(c(if (m$random_intercept) "1" else "0", m$slopes))
  if (is.null(judged)) judged <- levels(rows[[group]])
  entries <- lapply(judged, function(j) {
    own <- rows[rows[[group]] == j, ]
    fit <- best_fit(formula, rows[rows[[group]] != j, ], m$method == "REML")
    X <- model.matrix(fixed, own)
    Z <- model.matrix(random, own)
    if (qr(Z)$rank < ncol(Z)) return(list(group = j, reason = "answers at one value of the predictor"))
    inverse <- solve(crossprod(Z))
    r <- inverse %*% crossprod(Z, own[[m$outcome]] - X %*% fixef(fit))
    A <- inverse %*% crossprod(Z, X)
    V <- as.matrix(VarCorr(fit)[[group]]) + sigma(fit)^2 * inverse + A %*% as.matrix(vcov(fit)) %*% t(A)
    list(group = j, terms = I(colnames(Z)), residual = I(drop(r)), se = I(sqrt(diag(V))), ratio = I(drop(r) / sqrt(diag(V))))
  })
  list(name = m$name, method = m$method, entries = entries)
}

# ---- public data ---------------------------------------------------------------------------------------------------

public <- function() {
  write_csv <- function(rows, name) write.csv(rows, file.path(folder, name), row.names = FALSE, quote = FALSE, eol = "\n")
  sleep <- sleep_rows()
  write_csv(sleep[c("Subject", "Days", "Reaction", "kept")], "sleepstudy.csv")
  models <- c(
    both("null", "Reaction"),
    both("intercept", "Reaction", "Days"),
    both("intercept_and_slope", "Reaction", slopes = "Days"),
    both("slope_only", "Reaction", slopes = "Days", intercept = FALSE),
    both("two_slopes", "Reaction", slopes = c("half_days", "half_days_squared"))
  )
  fits <- lapply(models, function(m) describe(sleep, m, "Subject"))
  write_reference("sleepstudy", "Subject", "sleepstudy.csv; half_days = (Days - 4.5) / 3, half_days_squared its square", fits,
                  deletions = lapply(models[c(3, 5)], function(m) deletion(sleep, m, "Subject")))
  kept <- sleep[sleep$kept == 1, ]
  fits <- lapply(models[1:8], function(m) describe(kept, m, "Subject"))
  write_reference("sleepstudy_unbalanced", "Subject", "rows of sleepstudy.csv with kept = 1", fits,
                  deletions = lapply(models[c(3, 5)], function(m) deletion(kept, m, "Subject")))
  for (name in c("Dyestuff", "Dyestuff2")) {
    dyes <- get(name, asNamespace("lme4"))
    write_csv(dyes, paste0(tolower(name), ".csv"))
    fits <- lapply(both("null", "Yield"), function(m) describe(dyes, m, "Batch"))
    write_reference(tolower(name), "Batch", paste0(tolower(name), ".csv"), fits,
                    deletions = list(deletion(dyes, model("null", "Yield"), "Batch")))
  }
}

# ---- the example wave ----------------------------------------------------------------------------------------------

example <- function() {
  read <- example_wave()
  items <- read$items
  codes <- read$codes
  clean <- recode(read$rows, codes)
  covariates <- c("age", "gender", "education")
  everything <- c(covariates, "resp_rate", "experience")
  fits <- list()
  for (item in items) {
    fits <- c(fits, lapply(both(paste0("null:", item), item), function(m) describe(clean, m, "intnum", m$method == "REML")))
    adjusted <- model(paste0("adjusted:", item), item, covariates, categorical = "gender")
    explained <- model(paste0("covariates:", item), item, everything, categorical = "gender")
    if (item == "pplhlp") {
      explained <- modifyList(explained, list(slopes = "trstplc", interactions = paste0(everything[4:5], ":trstplc")))
    }
    fits <- c(fits, lapply(list(adjusted, explained), function(m) describe(clean, m, "intnum", item == "pplhlp")))
  }
  police <- function(prefix, ...) {
    c(both(paste0(prefix, ":pplhlp"), "pplhlp", slopes = "trstplc"),
      list(model(paste0(prefix, "_intercept_only:pplhlp"), "pplhlp", "trstplc", method = "ML")))
  }
  fits <- c(fits, lapply(police("slope"), function(m) describe(clean, m, "intnum")))
  raw_codes <- modifyList(codes, list(trstplc = c(77, 99)))
  raw <- recode(read$rows, raw_codes)
  with_code <- c(police("slope_with_88"), both("null_with_88:trstplc", "trstplc"))
  fits <- c(fits, lapply(with_code, function(m) describe(raw, m, "intnum")))
  set_aside <- c(both("null_without_planted:pplhlp", "pplhlp"), both("slope_without_planted:pplhlp", "pplhlp", slopes = "trstplc"))
  fits <- c(fits, lapply(set_aside, function(m) describe(clean[!clean$intnum %in% c(4976, 7519), ], m, "intnum", FALSE)))
  judged <- c("4976", "7519")
  deletions <- list(
    deletion(clean, model("null:pplhlp", "pplhlp"), "intnum", judged),
    deletion(clean, model("slope:pplhlp", "pplhlp", slopes = "trstplc"), "intnum", judged),
    deletion(raw, model("slope_with_88:pplhlp", "pplhlp", slopes = "trstplc"), "intnum", judged),
    deletion(raw, model("null_with_88:trstplc", "trstplc"), "intnum", judged),
    deletion(clean, model("null:ppltrst", "ppltrst"), "intnum", judged),
    deletion(clean, model("null:pplfair", "pplfair"), "intnum", judged)
  )
  write_reference("example", "intnum",
                  "configs/example_wave.csv joined with example_interviewers.csv; *_with_88 keeps the 88 of trstplc; *_without_planted leaves out 4976 and 7519",
                  fits, codes, deletions)
}

# ---- European Social Survey, round 11 ------------------------------------------------------------------------------

ess <- function() {
  adjusting <- names(ess_who)
  police <- c(both("slope:trstprl", "trstprl", slopes = "trstplc"),
              list(model("slope_intercept_only:trstprl", "trstprl", "trstplc", method = "ML")))
  countries <- ess_items()
  for (name in names(countries)) {
    codes <- c(countries[[name]], ess_who)
    rows <- ess_rows(name, codes)
    if (is.null(rows)) next
    models <- police
    for (item in names(countries[[name]])) {
      models <- c(models, both(paste0("null:", item), item),
                  list(model(paste0("adjusted:", item), item, adjusting, categorical = "gndr")))
    }
    fits <- lapply(models, function(m) describe(rows, m, "intnum", effects = FALSE))
    write_reference(name, "intnum", paste0(name, "_main.csv joined with ", name, "_interviewer.csv on cntry, idno"), fits, codes)
  }
}

wanted <- commandArgs(trailingOnly = TRUE)
if (!length(wanted)) wanted <- c("public", "example", "ess")
stopifnot(all(wanted %in% c("public", "example", "ess")))
for (part in wanted) get(part)()
