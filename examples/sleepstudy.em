# A random intercept for each subject, beside a common slope over the days.
model SleepStudy()
plate s in S, t in T
given day[t]       : real
param intercept    : real
param slope        : real
param between      : positive
param within       : positive
latent level[s]    ~ Normal(intercept, var=between)
observed reaction[s, t] ~ Normal(level[s] + slope * day[t], var=within)
