# after:         "onnx-train": "netdsl.codegen.onnx.target:ONNX_TRAIN",
        "jax": "netdsl.codegen.jax.target:JAX",
