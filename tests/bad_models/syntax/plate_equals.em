model M
plate k = K
