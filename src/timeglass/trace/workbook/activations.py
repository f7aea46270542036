"""The activations as spreadsheet formulas, and in words.

Each keeps its digits and overflows nowhere: e^ is only taken of what is not above 0, or inside an IF whose other branch
is not computed. e^z - 1 is 2t / (1 - t) with t = tanh(z/2), and log(1 + u) is 2 artanh(u / (2 + u)): a difference of
nearly equal numbers would lose what is small, and spreadsheets round it to 0.
"""

from __future__ import annotations

__all__ = ["ACTIVATION_FORMULAS", "ACTIVATION_WORDS", "activation_formula"]

_EXPM1 = "2*TANH({z}/2)/(1-TANH({z}/2))"

ACTIVATION_FORMULAS = {
    "linear": "{z}",
    "tanh": "TANH({z})",
    "sigmoid": "IF({z}<0,EXP({z})/(1+EXP({z})),1/(1+EXP(-{z})))",
    "relu": "MAX(0,{z})",
    "hard_sigmoid": "MAX(0,MIN(1,{z}/6+0.5))",
    "leaky_relu": "IF({z}<0,0.2*{z},{z})",
    "elu": f"IF({{z}}>0,{{z}},{_EXPM1})",
    "selu": f"1.0507009873554805*IF({{z}}>0,{{z}},1.6732632423543772*{_EXPM1})",
    "softplus": "MAX({z},0)+2*ATANH(EXP(-ABS({z}))/(2+EXP(-ABS({z}))))",
    "softsign": "{z}/(1+ABS({z}))",
    "swish": "{z}*IF({z}<0,EXP({z})/(1+EXP({z})),1/(1+EXP(-{z})))",
}

ACTIVATION_WORDS = {
    "linear": "linear(z) = z",
    "tanh": "tanh(z) = (e^z − e^−z) / (e^z + e^−z)",
    "sigmoid": "sigmoid(z) = 1 / (1 + e^−z)",
    "relu": "relu(z) = z, but 0 below 0",
    "hard_sigmoid": "hard_sigmoid(z) = z/6 + 0.5, held between 0 and 1",
    "leaky_relu": "leaky_relu(z) = z, but 0.2·z below 0",
    "elu": "elu(z) = z, but e^z − 1 below 0; e^z − 1 is written 2t / (1 − t) with t = tanh(z/2)",
    "selu": "selu(z) = 1.0507·z, but 1.7581·(e^z − 1) below 0; e^z − 1 is written 2t / (1 − t) with t = tanh(z/2)",
    "softplus": "softplus(z) = log(1 + e^z), written max(z, 0) + log(1 + u) with u = e^−|z| and an artanh for the log",
    "softsign": "softsign(z) = z / (1 + |z|)",
    "swish": "swish(z) = z / (1 + e^−z)",
}


def activation_formula(name: str, z: str) -> str:
    """The activation of a cell, without the sign of equality.

    >>> activation_formula("relu", "$D7")
    'MAX(0,$D7)'
    """
    return ACTIVATION_FORMULAS[name].format(z=z)
