"""Hyperparameters and the metrics they are judged by, for TensorBoard's tab "HParams"."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from google.protobuf.struct_pb2 import ListValue, Value
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import DataType, Experiment, HParamInfo, MetricInfo, MetricName, Status
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

from ...tensor import Tensor
from .values import as_number


def as_value(name: str, setting: Any) -> Value:
    """A setting as a message: a number (True is 1) or a string."""
    if isinstance(setting, str):
        return Value(string_value=setting)
    if isinstance(setting, (Real, np.bool_, Tensor)):
        return Value(number_value=as_number(setting))
    raise ValueError(
        f"the hyperparameter {name!r} is {type(setting).__name__}; TensorBoard takes int, float, str, bool or a tensor of one "
        "number, so write str(...) of others"
    )


def domain(name: str, settings: Mapping[str, Any], choices: Any) -> ListValue:
    """The values that a hyperparameter may have, which are of the type that it has."""
    kind = type(settings.get(name))
    if name not in settings or not isinstance(choices, list) or any(type(choice) is not kind for choice in choices):
        raise TypeError(
            f"hparam_domain_discrete[{name!r}] must be a list of values of the type of hparam_dict[{name!r}], "
            f"{kind.__name__ if name in settings else 'which is not there'}; got {choices!r}"
        )
    return ListValue(values=[as_value(name, choice) for choice in choices])


def dictionary(name: str, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise TypeError(f"{name} must be a dictionary of names and values, got {type(given).__name__}")
    return given


def message(**part: Any) -> Summary:
    """A part of `HParamsPluginData` under the tag where TensorBoard looks for it."""
    tags = {
        "experiment": metadata.EXPERIMENT_TAG,
        "session_start_info": metadata.SESSION_START_INFO_TAG,
        "session_end_info": metadata.SESSION_END_INFO_TAG,
    }
    (name,) = part
    content = metadata.create_summary_metadata(HParamsPluginData(**part))
    return Summary(value=[Summary.Value(tag=tags[name], metadata=content)])


def hparams(
    hparam_dict: Mapping[str, Any] | None = None,
    metric_dict: Mapping[str, Any] | None = None,
    hparam_domain_discrete: Mapping[str, list[Any]] | None = None,
) -> tuple[Summary, Summary, Summary]:
    """Three entries: what the experiment varies and measures, this run's values, and that the run ended well.

    A hyperparameter that is None is left out.
    """
    settings, metrics = dictionary("hparam_dict", hparam_dict), dictionary("metric_dict", metric_dict)
    choices = dictionary("hparam_domain_discrete", hparam_domain_discrete or {})
    domains = {name: domain(name, settings, among) for name, among in choices.items()}
    values = {name: as_value(name, setting) for name, setting in settings.items() if setting is not None}
    infos = [
        HParamInfo(
            name=name,
            type=DataType.DATA_TYPE_STRING if value.HasField("string_value") else DataType.DATA_TYPE_FLOAT64,
            domain_discrete=domains.get(name),
        )
        for name, value in values.items()
    ]
    measured = [MetricInfo(name=MetricName(tag=tag)) for tag in metrics]
    return (
        message(experiment=Experiment(hparam_infos=infos, metric_infos=measured)),
        message(session_start_info=SessionStartInfo(hparams=values)),
        message(session_end_info=SessionEndInfo(status=Status.STATUS_SUCCESS)),
    )
