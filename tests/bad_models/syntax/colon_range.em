model M
plate k in 1:K
