#!/usr/bin/env python3
"""What check_instructions.py says of a figure that changed."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "tools"))

from check_instructions import judge  # noqa: E402


class Judging(unittest.TestCase):
    def test_three_percent_more_is_not_yet_a_rise(self) -> None:
        self.assertEqual(judge(1000, 1030), "ok")
        self.assertEqual(judge(1000, 1031), "**rose** by 3.1%")

    def test_a_fall_is_good_and_wants_to_be_written_down(self) -> None:
        self.assertEqual(judge(1000, 970), "ok")
        self.assertIn("fell by 10.0%", judge(1000, 900))

    def test_what_is_not_in_the_file_fails(self) -> None:
        self.assertIn("rose", judge(None, 10))


if __name__ == "__main__":
    unittest.main()
