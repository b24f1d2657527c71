# after: COMMANDS = {
    "layers": "say how many layers a net has",
