model M
param W : real[D, H]
