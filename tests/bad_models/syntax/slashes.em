model M // a comment
plate n in N
