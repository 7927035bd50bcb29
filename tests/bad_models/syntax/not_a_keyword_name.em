model M
param inf : real
