# after: from netdsl.passes.step import StepWriter, TrainingStep
from netdsl.passes.count import count
# after:     NamedPass("backward", "Each weight that a loss depends on has a gradient, loops as loops.", StepWriter.backward),
    NamedPass("count", "How many nodes there are is printed.", count),
