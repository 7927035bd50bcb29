# Latent classes: hair, eye colour and sex are independent within a class; weights are the counts of the table.
model LatentClasses(K = 2)
plate n in N, k in K
param share    : simplex[K]
param hairs[k] : simplex[4]
param eyes[k]  : simplex[4]
param sexes[k] : simplex[2]
latent group[n]  ~ Categorical(share)
observed hair[n] ~ Categorical(hairs[group[n]])
observed eye[n]  ~ Categorical(eyes[group[n]])
observed sex[n]  ~ Categorical(sexes[group[n]])
