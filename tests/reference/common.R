# What the scripts beside this file share: fitting by lme4, writing JSON, reading the data. Sourced, not run; the script
# that sources it has set `folder` to the folder of both.
suppressPackageStartupMessages({
  library(lme4)
  library(lmerTest)
  library(jsonlite)
})

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

# ---- writing -------------------------------------------------------------------------------------------------------

versions <- function(packages) {
  list(R = paste(R.version$major, R.version$minor, sep = "."),
       packages = lapply(setNames(packages, packages), function(p) as.character(packageVersion(p))))
}

optimisers <- c("lme4", "lmerTest", "Matrix", "minqa", "nloptr")

write_reference <- function(name, group, source, fits, missing_codes = NULL, deletions = NULL, script = "lme4.R",
                            packages = optimisers) {
  about <- list(script = paste0("tests/reference/", script), group = group, source = source)
  content <- list(meta = c(versions(packages), about))
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

# ---- data ----------------------------------------------------------------------------------------------------------

sleep_rows <- function() {
  sleep <- transform(lme4::sleepstudy, Subject = as.integer(as.character(Subject)))
  # Between one and ten days per subject, by position: the unbalanced case.
  sleep$kept <- as.integer(sleep$Days <= match(sleep$Subject, unique(sleep$Subject)) %% 10)
  sleep$half_days <- (sleep$Days - 4.5) / 3
  sleep$half_days_squared <- sleep$half_days^2
  sleep
}

# The example wave with the codes of its missing answers, still in.
example_wave <- function() {
  configs <- file.path(repository, "configs")
  wave <- merge(read.csv(file.path(configs, "example_wave.csv")), read.csv(file.path(configs, "example_interviewers.csv")),
                by = "intnum", sort = FALSE)
  items <- setdiff(names(wave)[-(1:9)], c("resp_rate", "experience"))
  codes <- lapply(setNames(items, items), function(item) if (max(wave[[item]]) < 20) c(7, 8, 9) else c(77, 88, 99))
  codes$education <- c(77, 88, 99)
  list(rows = wave, items = items, codes = codes)
}

ess_who <- list(agea = 999, gndr = 9, eduyrs = c(77, 88, 99))

# The items read from each country's file, with the codes of their missing answers.
ess_items <- function() {
  long <- c(77, 88, 99)
  short <- c(7, 8, 9)
  swiss <- list(trstprl = long, trstlgl = long, trstplc = long, trstplt = long, trstprt = long, lrscale = long, imbgeco = long,
                gincdif = short, iphlppla = c(66, long), likrisk = short, eqwrkbg = short, eqpaybg = short,
                impbemw = c(66, long), freinsw = short, wsekpwr = short, wprtbym = short)
  german <- swiss[c("trstprl", "trstlgl", "trstplc", "trstplt", "trstprt", "lrscale", "imbgeco", "gincdif", "iphlppla")]
  list(ess11_ch = swiss, ess11_de = german)
}

# The file of one country without its missing codes; NULL where the data are absent.
ess_rows <- function(name, codes) {
  shared <- Sys.getenv("QA_SHARED_DATA", file.path(repository, "..", "shared", "data"))
  files <- file.path(shared, name, paste0(name, c("_main.csv", "_interviewer.csv")))
  if (!all(file.exists(files))) {
    cat(name, "skipped: no data in", shared, "\n")
    return(NULL)
  }
  recode(merge(read.csv(files[1]), read.csv(files[2]), by = c("cntry", "idno"), sort = FALSE), codes)
}
