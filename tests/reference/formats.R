# formats.R: writes formats.sas7bdat, which Python has no writer for, and formats.por with labels, which it cannot write.
# Needs R with haven (Debian: r-cran-haven) and PSPP (Debian: pspp). write_sas() is deprecated and does what is needed.
library(haven)

wave <- tibble::tibble(
  idno = c(1, 2, 3),
  name = c("Zoë", "Bär", "x"),
  q = c(3, tagged_na("A"), 8),
  day = as.Date(c("2023-05-01", "2023-05-02", NA)),
  start = as.POSIXct(c("2023-05-01 10:30:00", "2023-05-02 09:00:00", NA), tz = "UTC"),
  end = as.POSIXct(c("2023-05-01 11:15:00", "2023-05-02 09:20:00", NA), tz = "UTC"),
  clock = hms::as_hms(c("10:30:00", "09:00:30", NA))
)
attr(wave$q, "label") <- "Trust in the police"
suppressWarnings(write_sas(wave, "tests/reference/formats.sas7bdat"))

syntax <- tempfile(fileext = ".sps")
writeLines(c(
  "DATA LIST LIST /idno * name (A4) q * day (DATE11) start (DATETIME20) end (DATETIME20) clock (TIME8).",
  "BEGIN DATA",
  "1 'Zoe' 3 01-MAY-2023 '01-MAY-2023 10:30:00' '01-MAY-2023 11:15:00' 10:30:00",
  "2 'Baer' 98 02-MAY-2023 '02-MAY-2023 09:00:00' '02-MAY-2023 09:20:00' 09:00:30",
  "3 'x' 8 . . . .",
  "END DATA.",
  "VARIABLE LABELS q 'Trust in the police'.",
  "VALUE LABELS q 1 'Not at all' 8 'Refused'.",
  "MISSING VALUES q (97 THRU 99, 8).",
  "EXPORT OUTFILE='tests/reference/formats.por'."
), syntax)
stopifnot(system2("pspp", c("-o", tempfile(fileext = ".txt"), syntax)) == 0)
