"""How fast a training learns as it goes on: shares of the full rate, by the share of the run that
is `done`. Both go up in a line over the first `warm_up` of it and end at 0."""

import math

WARM_UP = 0.1


def cosine(done: float, warm_up: float = WARM_UP) -> float:
    """Down in half a cosine (Loshchilov and Hutter, "SGDR", ICLR 2017)."""
    if done < warm_up:
        return done / warm_up
    return 0.5 * (1 + math.cos(math.pi * (done - warm_up) / (1 - warm_up)))


def line(done: float, warm_up: float = WARM_UP) -> float:
    """Down in a line (Devlin et al., "BERT", NAACL 2019)."""
    return done / warm_up if done < warm_up else (1 - done) / (1 - warm_up)
