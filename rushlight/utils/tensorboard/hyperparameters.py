"""Hyperparameters and what came of them, as the records of TensorBoard's plugin for them."""

from __future__ import annotations

from typing import Any

from google.protobuf import struct_pb2
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.api_pb2 import DataType, Experiment, HParamInfo, MetricInfo, MetricName, Status
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo

from ...tensor import Tensor
from . import arrays

__all__ = ["hparams"]


def _value(value: Any) -> tuple[str, Any]:
    """The field of a value and what stands in it; a truth value goes as a number, as in PyTorch's files."""
    if isinstance(value, str):
        return "string_value", value
    if isinstance(value, (bool, int, float)):
        return "number_value", value
    if isinstance(value, Tensor):
        return "number_value", arrays.as_number(value)
    raise ValueError(f"value should be one of int, float, str, bool, or torch.Tensor, not {type(value).__name__}")


def _entry(tag: str, data: HParamsPluginData) -> Summary:
    described: Any = metadata.create_summary_metadata(data)
    value = Summary.Value(tag=tag, metadata=SummaryMetadata.FromString(described.SerializeToString()))
    return Summary(value=[value])


def _domains(parameters: dict[str, Any], domains: dict[str, list[Any]]) -> dict[str, struct_pb2.ListValue]:
    for name, domain in domains.items():
        if (
            name not in parameters
            or not isinstance(domain, list)
            or not all(isinstance(value, type(parameters[name])) for value in domain)
        ):
            raise TypeError(
                f"parameter: hparam_domain_discrete[{name}] should be a list of same type as hparam_dict[{name}]."
            )
    return {
        name: struct_pb2.ListValue(values=[struct_pb2.Value(**dict([_value(value)])) for value in domain])
        for name, domain in domains.items()
    }


def hparams(
    hparam_dict: dict[str, Any] | None = None,
    metric_dict: dict[str, Any] | None = None,
    hparam_domain_discrete: dict[str, list[Any]] | None = None,
) -> tuple[Summary, Summary, Summary]:
    """The three entries of a run: the experiment, the run's beginning with its hyperparameters, its end. None is left out."""
    for name, value in (("hparam_dict", hparam_dict), ("metric_dict", metric_dict)):
        if not isinstance(value, dict):
            raise TypeError(f"parameter: {name} should be a dictionary, nothing logged.")
    assert hparam_dict is not None and metric_dict is not None
    domains = _domains(hparam_dict, hparam_domain_discrete or {})
    start, infos = SessionStartInfo(), []
    for name, value in hparam_dict.items():
        if value is None:
            continue
        field, plain = _value(value)
        setattr(start.hparams[name], field, plain)
        kind = DataType.Value("DATA_TYPE_STRING" if field == "string_value" else "DATA_TYPE_FLOAT64")
        infos.append(HParamInfo(name=name, type=kind, domain_discrete=domains.get(name)))
    experiment = Experiment(
        hparam_infos=infos, metric_infos=[MetricInfo(name=MetricName(tag=name)) for name in metric_dict]
    )
    end = SessionEndInfo(status=Status.Value("STATUS_SUCCESS"))
    return (
        _entry(metadata.EXPERIMENT_TAG, HParamsPluginData(experiment=experiment)),
        _entry(metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start)),
        _entry(metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end)),
    )
