#!/usr/bin/env python3
"""Makes app.log: 10,000 lines of a log, the same ones each time: seconds, level, service, milliseconds. Some are broken.

usage: make_log.py > app.log
"""
import random

SERVICES = "auth basket billing catalogue mailer search".split()
LEVELS = ["DEBUG"] * 3 + ["INFO"] * 12 + ["WARN"] * 3 + ["ERROR"]
BROKEN = ["", "retrying", "{time} INFO", "{time} NOTICE auth 12", "{time} INFO auth -5", "{time} INFO auth 12 more", "yesterday WARN search 40"]


def main():
    random_ = random.Random(20240301)
    time = 1_709_251_200
    for _ in range(10_000):
        time += random_.randrange(3)
        if random_.random() < 0.01:
            print(random_.choice(BROKEN).format(time=time))
            continue
        milliseconds = int(random_.lognormvariate(3.5, 1.3))
        print(time, random_.choice(LEVELS), random_.choice(SERVICES), milliseconds)


main()
