"""What `netdsl report --format html` has beside the other formats."""

from __future__ import annotations

from argparse import Namespace

from netdsl.cli.opening import Opened


def page_of(opened: Opened, given: Namespace) -> str:
    from netdsl.page.assemble import page

    return page(opened.net, sizes=given.size, batch=given.batch, others=opened.others)
