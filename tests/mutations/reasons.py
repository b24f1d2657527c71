"""Why a change survives, by its key: `equivalent: …` where it has no effect, `not tested: …` where it has one."""

from __future__ import annotations

REASONS: dict[str, str] = {}
