model M
plate i in I
given doc[i] : index[D]
