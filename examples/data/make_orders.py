#!/usr/bin/env python3
"""Makes orders.csv: 1,000 orders, the same ones each time. Most can be filled; some find no stock (every item begins with 100 units,
see `saga --help`), some no money (every customer with 350,000 cents), some no carrier (more than 20 units are too heavy).

usage: make_orders.py > orders.csv
"""
import random

ITEMS = """apron axe basin basket bell billhook broom bucket candle chisel churn crate dibber drawknife faggot fence froe gate glove
hammer handle hurdle jug kettle lantern mallet mattock peg pitcher pole rake rope sack saw scythe spade stake stool trug wedge""".split()
CUSTOMERS = [f"customer-{n:02}" for n in range(1, 61)]


def main():
    random_ = random.Random(20240229)
    price = {item: random_.randrange(150, 9_000, 5) for item in ITEMS}
    print("order_id,customer,item,quantity,price_cents")
    for order in range(1001, 2001):
        item = random_.choice(ITEMS)
        quantity = random_.randint(21, 30) if random_.random() < 0.03 else random_.randint(1, 7)
        print(f"{order},{random_.choice(CUSTOMERS)},{item},{quantity},{price[item]}")


main()
