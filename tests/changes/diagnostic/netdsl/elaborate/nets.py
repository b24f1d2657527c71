# after:     _check_unused_inputs(site, net)
    if not definition.name.id[0].isupper():
        message = f"`{net.name}` is a net, and begins with a capital letter"
        help = f"write `net {net.name.capitalize()}`"
        site.errors.collector.report("small-letter", message, definition.name.span, help=help)
