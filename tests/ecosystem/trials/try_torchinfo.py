"""torchinfo: the summary of a convolutional and of a recurrent network, with shapes, sizes and multiply-adds of each layer."""

import torch
from outcome import report
from torchinfo import summary

torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Conv2d(3, 16, 3, padding=1),
    torch.nn.BatchNorm2d(16),
    torch.nn.ReLU(),
    torch.nn.MaxPool2d(2),
    torch.nn.Flatten(),
    torch.nn.Linear(16 * 16 * 16, 10),
)
seen = summary(network, input_size=(4, 3, 32, 32), verbose=0, col_names=("output_size", "num_params", "mult_adds"))
recurrent = summary(torch.nn.LSTM(8, 16, 2, batch_first=True), input_size=(2, 5, 8), verbose=0)
print(seen)
report(
    sizes=[seen.total_params, seen.trainable_params, seen.total_mult_adds, seen.total_output_bytes, seen.total_input],
    layers=[number for layer in seen.summary_list for number in (layer.num_params, *layer.output_size)],
    recurrent=[recurrent.total_params, recurrent.total_mult_adds],
    text=[ord(letter) for letter in str(seen)],
)
