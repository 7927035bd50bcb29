# Raters who err: each item has a class, and each rater a table of what he says of it (Dawid and Skene 1979).
model Raters(K = 4)
plate a in Readings, i in Items, r in Raters, k in K
given item[a]      : index[Items]
given rater[a]     : index[Raters]
param share        : simplex[K]
param says[r, k]   : simplex[K]
latent class[i]    ~ Categorical(share)
observed rating[a] ~ Categorical(says[rater[a], class[item[a]]])
