"""The words of the report, explained for readers who are no statisticians."""

from __future__ import annotations

GLOSSARY = (
    (
        "Interviewer effect",
        "How much answers to an item depend on who asked. Ordinary interviewers differ a little, by chance.",
    ),
    (
        "Interviewer ICC",
        "Intraclass correlation: the share of an item's variation that lies between interviewers. Near 0 is good; "
        "0.02 is common, "
        "above 0.10 is a lot. It is the intercept variance divided by the sum of intercept and residual variance.",
    ),
    (
        "Latent ICC",
        "The same share for items with two or few answers, or very uneven ones: of the variation of an unseen scale on "
        "which the answers are cut (logistic or ordinal model). It is on another scale than the interviewer ICC, so "
        "the two are never ranked or averaged together.",
    ),
    (
        "Predictive tail",
        "How an interviewer is judged on items and indicators with few or very uneven answers: how often chance alone "
        "gives a normal interviewer, with the same workload and respondents, a total as far out as theirs, under the "
        "model fitted without this interviewer.",
    ),
    (
        "Design effect",
        "How many times larger the variance of a mean is because answers of one interviewer resemble each other: "
        "1 + (m - 1) ICC, with m the workload that counts larger workloads more (Kish 1962).",
    ),
    (
        "Effective interviews",
        "Interviews divided by the design effect: how many independent interviews the mean of the item is worth. It "
        "takes account "
        "of interviewers only, not of weights or areas.",
    ),
    (
        "EBLUP",
        "Empirical best linear unbiased prediction: the model's best guess of an interviewer's effect, pulled towards "
        "zero the more, "
        "the fewer interviews there are.",
    ),
    (
        "Spread",
        "How much the answers of one interviewer's respondents vary about their mean, against what is usual at that "
        "level: 60% means more alike than others' interviews. Interviewers always differ a little; the sd of log sd "
        "says how much (0.1: most lie between 82% and 122% of usual).",
    ),
    (
        "Reliability",
        "The share of the estimate of an interviewer's effect that rests on their own answers: intercept variance over "
        "intercept variance plus residual variance divided by the number of answers. The rest is what is usual among "
        "colleagues.",
    ),
    (
        "Expected rank",
        "Where an interviewer would stand among all, 1 being the lowest, allowing for how uncertain everybody's effect "
        "is: ranks of interviewers with few interviews stay near the middle (Laird and Louis 1989).",
    ),
    (
        "Detectable shift",
        "The smallest true difference from colleagues that a workload would show in 80% of cases at p < .001. A "
        "smaller one may be there and not be found.",
    ),
    (
        "Profile interval",
        "A 95% interval that holds every value the data do not contradict by a likelihood-ratio test. It respects 0 "
        "and need not be symmetric.",
    ),
    (
        "Exact test",
        "The likelihood-ratio test of one variance with its distribution simulated for this very survey, where the "
        "chi-square mixture is an approximation for many interviewers (Crainiceanu and Ruppert 2004).",
    ),
    (
        "Indicator",
        "What an interview shows about how it was done: unanswered questions, identical answers to a battery, its "
        "length. Each is modelled over interviewers as an item is.",
    ),
    (
        "Straightlining",
        "The same answer to every item of a battery. Some respondents do it; that one interviewer's respondents do it "
        "much more often than others' is what counts.",
    ),
    (
        "Near-duplicates",
        "Two interviews of one interviewer with more identical answers than chance brings about in this survey, judged "
        "by the pairs of interviews of different interviewers; there is no fixed limit.",
    ),
    (
        "Cook's distance, covariance ratio",
        "What leaving one interviewer out does to the fixed effects, and to their precision; a covariance ratio above "
        "1 means that the interviewer adds precision.",
    ),
    (
        "Conditional standard deviation",
        "How uncertain an interviewer's effect is, given the answers; the 95% intervals in the effect plots use it.",
    ),
    (
        "Diagnostic standard error",
        "How much EBLUPs vary between ordinary interviewers; the QQ plots divide by it.",
    ),
    (
        "Deletion z",
        "How far an interviewer is from what the model says when it is fitted without them, in standard errors. Flags "
        "rest on it, because "
        "an unusual interviewer otherwise inflates the variation they are judged by.",
    ),
    (
        "Flag",
        "A reason to call: a difference that chance alone would hardly make. It is not a finding about a person; "
        "areas, respondents "
        "and devices differ, too.",
    ),
    (
        "Pattern",
        "What a difference looks like, in a fixed list of words: one battery shifted, unusually similar answers, fast "
        "and straightlined ... It says what was seen, never why.",
    ),
    ("Random slope", "A model in which interviewers may differ in how strongly one item goes with another."),
    (
        "Variance explained",
        "By how much a variance component falls when covariates are added, on the same interviews. It may be negative.",
    ),
    (
        "False discovery rate",
        "The share of ordinary interviewers to be expected among those flagged (Benjamini and Hochberg 1995).",
    ),
    (
        "Zero variance",
        "A normal result: interviewers differ no more than chance would make them, and the best estimate of the "
        "variance is 0.",
    ),
    (
        "Singular",
        "A model in which interviewers' levels and slopes are perfectly tied, or one of several variances is 0; read "
        "it with care.",
    ),
    (
        "Sensitivity",
        "The same items with something else in the model: areas, teams or survey weights. It shows how far a result "
        "depends on leaving them out.",
    ),
    (
        "Told apart",
        "Interviewers can be told apart from areas when colleagues worked in the same areas. Where everybody worked "
        "in areas of their own, a difference may belong to either.",
    ),
    (
        "Effective scaling of weights",
        "Weights scaled to the number of equally weighted interviews that they leave an interviewer. Scaled to the "
        "number of interviews, as is usual, weights that vary make the interviewer ICC too large.",
    ),
    (
        "Referee",
        "statsmodels computes the log-likelihood of every model at our estimates; a difference above one in a million "
        "is a failed check.",
    ),
)
