model M
plate d in D, i in Words[d]
