# Reference fits by lme4 (and lmerTest) that the tests compare the kernel with; README.md beside this file explains.
#
#   Rscript tests/reference/lme4.R [public] [example] [ess]     (all three when none is named)
#
# ESS data are looked for in QA_SHARED_DATA, default ../shared/data beside the repository, and skipped when absent.
# Only aggregate results of real interviewers are written; effects of single interviewers only for public and made-up data.
suppressPackageStartupMessages({
  library(lme4)
  library(lmerTest)
  library(jsonlite)
})

folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
repository <- normalizePath(file.path(folder, "..", ".."))

# ---- fitting -------------------------------------------------------------------------------------------------------

controls <- list(
  lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5), calc.derivs = FALSE),
  lmerControl(optimizer = "nloptwrap", optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-12, maxeval = 1e5), calc.derivs = FALSE),
  lmerControl(optimizer = "Nelder_Mead", optCtrl = list(FtolAbs = 1e-14, FtolRel = 1e-15, XtolRel = 1e-12, maxfun = 1e5),
              calc.derivs = FALSE)
)

# The fit with the highest log-likelihood over three optimisers, then once more from where the best one stopped.
best_fit <- function(formula, rows, reml) {
  attempt <- function(control, start = NULL) {
    # Values instead of names in the call, since lmerTest evaluates it again elsewhere.
    call <- list(formula, data = rows, REML = reml, control = control, start = start)
    suppressMessages(suppressWarnings(do.call(lme4::lmer, call)))
  }
  best <- function(fits) fits[[which.max(sapply(fits, function(fit) as.numeric(logLik(fit))))]]
  first <- best(lapply(controls, attempt))
  best(c(first, lapply(controls, attempt, start = getME(first, "theta"))))
}

# A model as data: what the Python side needs to build the same one.
model <- function(name, outcome, covariates = character(), slopes = character(), intercept = TRUE, method = "REML",
                  interactions = character(), categorical = character()) {
  list(name = name, outcome = outcome, covariates = covariates, slopes = slopes, random_intercept = intercept,
       method = method, interactions = interactions, categorical = categorical)
}

# Both methods of one model.
both <- function(...) list(model(..., method = "REML"), model(..., method = "ML"))

fit_formula <- function(m, group) {
  terms <- c(m$covariates, setdiff(m$slopes, m$covariates), m$interactions)
  random <- c(if (m$random_intercept) "1" else "0", m$slopes)
  reformulate(c(if (length(terms)) terms else "1", sprintf("(%s | %s)", paste(random, collapse = " + "), group)), m$outcome)
}

complete <- function(rows, m, group) {
  rows <- rows[complete.cases(rows[unique(c(m$outcome, m$covariates, m$slopes, group))]), ]
  for (name in m$categorical) rows[[name]] <- factor(rows[[name]])
  rows[[group]] <- factor(rows[[group]])
  rows
}

describe <- function(rows, m, group, effects = TRUE) {
  rows <- complete(rows, m, group)
  formula <- fit_formula(m, group)
  fit <- best_fit(formula, rows, m$method == "REML")
  singular <- isSingular(fit, tol = 1e-6)
  components <- as.data.frame(VarCorr(fit))
  components <- components[components$grp == group, ]
  result <- list(
    name = m$name,
    formula = paste(deparse(formula, width.cutoff = 500), collapse = ""),
    outcome = m$outcome,
    covariates = I(m$covariates),
    categorical = I(m$categorical),
    interactions = I(m$interactions),
    slopes = I(m$slopes),
    random_intercept = m$random_intercept,
    method = m$method,
    n = nobs(fit),
    groups = nlevels(rows[[group]]),
    singular = singular,
    loglik = as.numeric(logLik(fit)),
    fixed = fixed_effects(fit, singular),
    varcomp = data.frame(term = components$var1, with = components$var2, value = components$vcov),
    residual = sigma(fit)^2,
    largest_z = largest_z(fit, group)
  )
  if (effects) result$ranef <- random_effects(fit, group)
  result
}

fixed_effects <- function(fit, singular) {
  table <- data.frame(term = names(fixef(fit)), estimate = unname(fixef(fit)), se = sqrt(diag(as.matrix(vcov(fit)))))
  rownames(table) <- NULL
  if (singular) return(table)
  tested <- tryCatch(coef(summary(suppressMessages(as_lmerModLmerTest(fit)))), error = function(e) NULL)
  if (is.null(tested) || ncol(tested) < 5) return(table)
  cbind(table, df = unname(tested[, "df"]), t = unname(tested[, "t value"]), p = unname(tested[, "Pr(>|t|)"]))
}

# Posterior standard deviation of each effect (conditional_sd) and of the EBLUP itself (diagnostic_se).
spreads <- function(fit, group) {
  posterior <- attr(ranef(fit, condVar = TRUE)[[group]], "postVar")
  conditional <- apply(posterior, 3, diag)
  conditional <- if (is.matrix(conditional)) t(conditional) else matrix(conditional, ncol = 1)
  prior <- diag(as.matrix(VarCorr(fit)[[group]]))
  list(conditional = sqrt(conditional), diagnostic = sqrt(pmax(sweep(-conditional, 2, prior, "+"), 0)))
}

random_effects <- function(fit, group) {
  effects <- ranef(fit)[[group]]
  spread <- spreads(fit, group)
  list(
    groups = rownames(effects),
    terms = lapply(seq_along(effects), function(k) {
      list(term = names(effects)[k], eblup = effects[[k]], conditional_sd = spread$conditional[, k],
           diagnostic_se = spread$diagnostic[, k])
    })
  )
}

# EBLUP / diagnostic_se of the largest size, per term, with its sign; null at zero variance.
largest_z <- function(fit, group) {
  effects <- as.matrix(ranef(fit)[[group]])
  z <- effects / spreads(fit, group)$diagnostic
  lapply(seq_len(ncol(z)), function(k) {
    value <- if (all(is.finite(z[, k]))) z[which.max(abs(z[, k])), k] else NA
    list(term = colnames(effects)[k], value = unname(value))
  })
}

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

# ---- writing -------------------------------------------------------------------------------------------------------

versions <- function() {
  packages <- c("lme4", "lmerTest", "Matrix", "minqa", "nloptr")
  list(R = paste(R.version$major, R.version$minor, sep = "."),
       packages = lapply(setNames(packages, packages), function(p) as.character(packageVersion(p))))
}

write_reference <- function(name, group, source, fits, missing_codes = NULL, deletions = NULL) {
  content <- list(meta = c(versions(), list(script = "tests/reference/lme4.R", group = group, source = source)))
  if (!is.null(missing_codes)) content$meta$missing_codes <- lapply(missing_codes, I)
  content$fits <- fits
  if (!is.null(deletions)) content$deletions <- deletions
  path <- file.path(folder, paste0(name, ".json"))
  text <- toJSON(content, digits = I(17), auto_unbox = TRUE, na = "null", null = "null", pretty = 1, dataframe = "rows")
  writeLines(compact(text), path, useBytes = TRUE)
  cat(basename(path), length(fits), "fits\n")
}

# Arrays of plain numbers or ids on one line each.
compact <- function(text) {
  lines <- strsplit(text, "\n")[[1]]
  opens <- grepl("\\[$", lines)
  keep <- character()
  i <- 1
  while (i <= length(lines)) {
    end <- i
    if (opens[i]) {
      end <- i + 1
      while (grepl("^ *(-?[0-9.eE+-]+|null|\"[^\"]*\"|),?$", lines[end])) end <- end + 1
      if (!grepl("^ *\\],?$", lines[end])) end <- i
    }
    keep <- c(keep, if (end > i) paste0(lines[i], sub(" ]", "]", paste(trimws(lines[(i + 1):end]), collapse = " "), fixed = TRUE)) else lines[i])
    i <- end + 1
  }
  keep
}

recode <- function(rows, missing_codes) {
  for (name in names(missing_codes)) rows[[name]][rows[[name]] %in% missing_codes[[name]]] <- NA
  rows
}

# ---- public data ---------------------------------------------------------------------------------------------------

public <- function() {
  write_csv <- function(rows, name) write.csv(rows, file.path(folder, name), row.names = FALSE, quote = FALSE, eol = "\n")
  sleep <- transform(lme4::sleepstudy, Subject = as.integer(as.character(Subject)))
  # Between one and ten days per subject, by position: the unbalanced case.
  sleep$kept <- as.integer(sleep$Days <= match(sleep$Subject, unique(sleep$Subject)) %% 10)
  sleep$half_days <- (sleep$Days - 4.5) / 3
  sleep$half_days_squared <- sleep$half_days^2
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
  configs <- file.path(repository, "configs")
  wave <- merge(read.csv(file.path(configs, "example_wave.csv")), read.csv(file.path(configs, "example_interviewers.csv")),
                by = "intnum", sort = FALSE)
  items <- setdiff(names(wave)[-(1:9)], c("resp_rate", "experience"))
  codes <- lapply(setNames(items, items), function(item) if (max(wave[[item]]) < 20) c(7, 8, 9) else c(77, 88, 99))
  codes$education <- c(77, 88, 99)
  clean <- recode(wave, codes)
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
  raw <- recode(wave, raw_codes)
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
  shared <- Sys.getenv("QA_SHARED_DATA", file.path(repository, "..", "shared", "data"))
  long <- c(77, 88, 99)
  short <- c(7, 8, 9)
  who <- list(agea = 999, gndr = 9, eduyrs = long)
  adjusting <- names(who)
  swiss <- list(trstprl = long, trstlgl = long, trstplc = long, trstplt = long, trstprt = long, lrscale = long, imbgeco = long,
                gincdif = short, iphlppla = c(66, long), likrisk = short, eqwrkbg = short, eqpaybg = short,
                impbemw = c(66, long), freinsw = short, wsekpwr = short, wprtbym = short)
  german <- swiss[c("trstprl", "trstlgl", "trstplc", "trstplt", "trstprt", "lrscale", "imbgeco", "gincdif", "iphlppla")]
  police <- c(both("slope:trstprl", "trstprl", slopes = "trstplc"),
              list(model("slope_intercept_only:trstprl", "trstprl", "trstplc", method = "ML")))
  for (country in list(list("ess11_ch", swiss), list("ess11_de", german))) {
    name <- country[[1]]
    codes <- c(country[[2]], who)
    files <- file.path(shared, name, paste0(name, c("_main.csv", "_interviewer.csv")))
    if (!all(file.exists(files))) {
      cat(name, "skipped: no data in", shared, "\n")
      next
    }
    rows <- recode(merge(read.csv(files[1]), read.csv(files[2]), by = c("cntry", "idno"), sort = FALSE), codes)
    models <- police
    for (item in names(country[[2]])) {
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
