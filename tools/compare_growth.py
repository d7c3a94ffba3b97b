"""How cost grows: each workload of coppice over a number that gets larger; a part of compare.py."""
def grow(*_):
    return 2
