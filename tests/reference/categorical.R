# Reference fits of logistic and cumulative-logit random-intercept models by lme4::glmer and ordinal::clmm, both by
# adaptive Gauss-Hermite quadrature with 10 nodes; README.md beside this file explains.
#
#   Rscript tests/reference/categorical.R [public] [example] [ess]     (all three when none is named)
#
# ESS data are looked for in QA_SHARED_DATA, default ../shared/data beside the repository, and skipped when absent.
# Only aggregate results of real interviewers are written; effects of single interviewers only for public and made-up data.
folder <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(folder, "common.R"))
suppressPackageStartupMessages(library(ordinal))

# A model as data. `cuts` group the outcome: category 0 up to the first cut, and so on; without cuts every value is one.
choice <- function(name, outcome, covariates = character(), categorical = character(), cuts = numeric()) {
  list(name = name, outcome = outcome, covariates = covariates, slopes = character(), interactions = character(),
       categorical = categorical, cuts = cuts)
}

categories <- function(values, cuts) {
  if (length(cuts)) findInterval(values, cuts, left.open = TRUE) else match(values, sort(unique(values))) - 1
}

tight <- list(
  glmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5), tolPwrss = 1e-11, calc.derivs = TRUE),
  glmerControl(optimizer = "Nelder_Mead", optCtrl = list(FtolAbs = 1e-14, FtolRel = 1e-15, XtolRel = 1e-12, maxfun = 1e5),
               tolPwrss = 1e-11, calc.derivs = TRUE)
)

logistic <- function(formula, fixed, rows, group) {
  fits <- lapply(tight, function(control) {
    call <- list(formula, data = rows, family = binomial, nAGQ = 10, control = control)
    suppressMessages(suppressWarnings(do.call(lme4::glmer, call)))
  })
  fit <- fits[[which.max(sapply(fits, function(f) as.numeric(logLik(f))))]]
  effects <- as.data.frame(ranef(fit, condVar = TRUE))
  list(
    kind = "binary",
    loglik = as.numeric(logLik(fit)),
    loglik_without = as.numeric(logLik(glm(fixed, data = rows, family = binomial))),
    sd = unname(getME(fit, "theta")),
    thresholds = I(unname(-fixef(fit)[1])),
    threshold_se = I(sqrt(as.matrix(vcov(fit))[1, 1])),
    fixed = coefficients(fixef(fit)[-1], sqrt(diag(as.matrix(vcov(fit))))[-1]),
    ranef = list(groups = as.character(effects$grp), mode = effects$condval, conditional_sd = effects$condsd)
  )
}

cumulative <- function(formula, fixed, rows, group) {
  environment(formula) <- environment(fixed) <- environment()
  fit <- suppressWarnings(clmm(formula, data = rows, nAGQ = 10, control = clmm.control(gradTol = 1e-8)))
  se <- sqrt(diag(vcov(fit)))
  cut <- length(fit$alpha)
  list(
    kind = "ordinal",
    loglik = as.numeric(logLik(fit)),
    loglik_without = as.numeric(logLik(clm(fixed, data = rows))),
    sd = abs(drop(fit$ST[[1]])),
    thresholds = I(unname(fit$alpha)),
    threshold_se = I(unname(se[seq_len(cut)])),
    fixed = coefficients(fit$beta, se[cut + seq_along(fit$beta)]),
    ranef = list(groups = levels(rows[[group]]), mode = as.numeric(fit$ranef), conditional_sd = sqrt(as.numeric(fit$condVar)))
  )
}

coefficients <- function(estimate, se) {
  if (!length(estimate)) return(list())
  data.frame(term = names(estimate), estimate = unname(estimate), se = unname(se))
}

describe_choice <- function(rows, m, group, effects = TRUE) {
  rows <- complete(rows, m, group)
  rows$answer <- categories(rows[[m$outcome]], m$cuts)
  binary <- max(rows$answer) == 1
  if (!binary) rows$answer <- factor(rows$answer)
  terms <- if (length(m$covariates)) m$covariates else "1"
  formula <- reformulate(c(terms, sprintf("(1 | %s)", group)), "answer")
  found <- (if (binary) logistic else cumulative)(formula, reformulate(terms, "answer"), rows, group)
  if (!effects) found$ranef <- NULL
  c(list(name = m$name, outcome = m$outcome, cuts = I(m$cuts), covariates = I(m$covariates), categorical = I(m$categorical),
         n = nrow(rows), groups = nlevels(rows[[group]])), found)
}

engines <- c("lme4", "ordinal", "Matrix", "minqa", "ucminf")

write_choices <- function(name, group, source, fits, codes = NULL) {
  write_reference(name, group, source, fits, codes, script = "categorical.R", packages = engines)
}

public <- function() {
  write_csv <- function(rows, name) write.csv(rows, file.path(folder, name), row.names = FALSE, quote = FALSE, eol = "\n")
  herds <- lme4::cbpp
  each <- rep(seq_len(nrow(herds)), herds$size)
  sick <- unlist(lapply(seq_len(nrow(herds)), function(k) rep(c(1, 0), c(herds$incidence[k], herds$size[k] - herds$incidence[k]))))
  cattle <- data.frame(herd = as.integer(herds$herd)[each], period = as.integer(herds$period)[each], sick = sick)
  write_csv(cattle, "cbpp.csv")
  models <- list(choice("null", "sick"), choice("period", "sick", "period", "period"))
  write_choices("categorical_cbpp", "herd", "cbpp.csv", lapply(models, function(m) describe_choice(cattle, m, "herd")))
  tasting <- ordinal::wine[c("judge", "temp", "contact", "rating")]
  for (name in c("judge", "rating")) tasting[[name]] <- as.integer(tasting[[name]])
  write_csv(tasting, "wine.csv")
  both <- c("temp", "contact")
  models <- list(choice("null", "rating"), choice("temp_contact", "rating", both, both),
                 choice("binary", "rating", both, both, cuts = 3))
  write_choices("categorical_wine", "judge", "wine.csv", lapply(models, function(m) describe_choice(tasting, m, "judge")))
}

example <- function() {
  read <- example_wave()
  clean <- recode(read$rows, read$codes)
  who <- c("age", "gender", "education")
  models <- list()
  for (item in c("gincdif", "freehms", "imsmetn")) {
    models <- c(models, list(
      choice(paste0("null:", item), item),
      choice(paste0("adjusted:", item), item, who, "gender"),
      choice(paste0("binary:", item), item, who, "gender", cuts = 2)
    ))
  }
  models <- c(models, list(
    choice("grouped:trstprl", "trstprl", cuts = c(1, 4, 7)),
    choice("grouped:pplhlp", "pplhlp", who, "gender", cuts = c(2, 5)),
    choice("rare:trstplc", "trstplc", cuts = 9),
    choice("eleven:pplhlp", "pplhlp")
  ))
  write_choices("categorical_example", "intnum", "configs/example_wave.csv joined with example_interviewers.csv",
                lapply(models, function(m) describe_choice(clean, m, "intnum")), read$codes)
}

ess <- function() {
  countries <- ess_items()
  for (name in names(countries)) {
    codes <- c(countries[[name]], ess_who)
    rows <- ess_rows(name, codes)
    if (is.null(rows)) next
    short <- intersect(c("gincdif", "likrisk", "eqwrkbg", "eqpaybg", "freinsw", "wsekpwr", "wprtbym"), names(countries[[name]]))
    models <- c(lapply(short, function(item) choice(paste0("null:", item), item)), list(
      choice("adjusted:gincdif", "gincdif", names(ess_who), "gndr"),
      choice("binary:gincdif", "gincdif", names(ess_who), "gndr", cuts = 2),
      choice("binary:trstplc", "trstplc", cuts = 4)
    ))
    write_choices(paste0("categorical_", name), "intnum", paste0(name, "_main.csv joined with ", name, "_interviewer.csv"),
                  lapply(models, function(m) describe_choice(rows, m, "intnum", effects = FALSE)), codes)
  }
}

wanted <- commandArgs(trailingOnly = TRUE)
if (!length(wanted)) wanted <- c("public", "example", "ess")
stopifnot(all(wanted %in% c("public", "example", "ess")))
for (part in wanted) get(part)()
