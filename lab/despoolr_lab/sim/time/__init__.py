"""Virtual time itself: the loop whose clock jumps, what stands in its queues, how a run ends, and
what keeps the real world's time and chance out of it. It knows no network.
"""
