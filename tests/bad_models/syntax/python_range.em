model M
plate k in range(K)
