"""Kinds of values that several sections of the settings share, each with its bounds."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import Meta

__all__ = ["Milliseconds", "Name", "NotNegativeInt", "Port", "PositiveInt", "Seconds", "Share", "TopicName"]

PositiveInt: TypeAlias = Annotated[int, Meta(gt=0)]
NotNegativeInt: TypeAlias = Annotated[int, Meta(ge=0)]
Seconds: TypeAlias = Annotated[float, Meta(gt=0)]
Milliseconds: TypeAlias = Annotated[int, Meta(gt=0)]
Port: TypeAlias = Annotated[int, Meta(ge=0, le=65535)]
Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]
TopicName: TypeAlias = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
Name: TypeAlias = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
