model M
plate k in K - 1
