model M
plate k in 3
