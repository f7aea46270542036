"""The tutorial's consolidated program: a network worked out by hand, then the sunspots forecast.

It runs with Timeglass as it stands. With Keras, change the line that imports the network's parts to

    from keras import Sequential
    from keras.layers import Dense, SimpleRNN

and everything else stays as it is.
"""

import numpy as np
from matplotlib import pyplot as plt

from timeglass import Dense, Sequential, SimpleRNN
from timeglass.tutorial import get_train_test, get_XY, plot_result, print_error, sunspots_url

plt.switch_backend("Agg")  # a file, not a window


def create_RNN(hidden_units, dense_units, input_shape, activation):  # noqa: D103, N802
    model = Sequential()
    model.add(SimpleRNN(hidden_units, input_shape=input_shape, activation=activation[0]))
    model.add(Dense(units=dense_units, activation=activation[1]))
    model.compile(loss="mean_squared_error", optimizer="adam")
    return model


# Part 1: what a recurrent network computes. Two linear hidden units, three time steps, x = 1, 2, 3.
demo = create_RNN(2, 1, (3, 1), activation=["linear", "linear"])
wx, wh, bh, wy, by = demo.get_weights()
print("wx =", wx, " wh =", wh, " bh =", bh, " wy =", wy, " by =", by)

x = np.array([1.0, 2.0, 3.0])
from_network = demo.predict(x.reshape(1, 3, 1), verbose=0)

h0 = np.zeros(2)
h1 = x[0] * wx[0] + h0 @ wh + bh
h2 = x[1] * wx[0] + h1 @ wh + bh
h3 = x[2] * wx[0] + h2 @ wh + bh
o3 = h3 @ wy + by
print("h1 =", h1, " h2 =", h2, " h3 =", h3)
print("Prediction from network", from_network[0, 0])
print("Prediction from our computation", o3[0])

# Part 2: the sunspots.
time_steps = 12
train_data, test_data, data = get_train_test(sunspots_url)
trainX, trainY = get_XY(train_data, time_steps)
testX, testY = get_XY(test_data, time_steps)

model = create_RNN(3, 1, (time_steps, 1), activation=["tanh", "tanh"])
model.fit(trainX, trainY, epochs=20, batch_size=1, verbose=2)

train_predict = model.predict(trainX, verbose=0)
test_predict = model.predict(testX, verbose=0)
print_error(trainY, testY, train_predict, test_predict)
plot_result(trainY, testY, train_predict, test_predict)
plt.savefig("sunspots_tutorial.png")
