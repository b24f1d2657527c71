"""The specs against their papers and against other people's counts, to the last digit.

Where a number comes from stands beside it: `torchvision`, `timm` and the like mean that those models were run and
counted (torch 2.13, torchvision 0.28, half of torch's own FLOP counter for the MACs); `prototxt` the authors' or BVLC's
Caffe files, evaluated; `built` an independent build in torch of the definition; `formula` arithmetic on paper.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from netdsl.analysis.report import Report, Row
from netdsl.analyzer import analyze
from netdsl.program import check_program, load_file, load_source, load_text
from netdsl.text.diagnostics import NetError
from netdsl.text.formatter import formatted
from netdsl.text.source import Source

SPECS = Path(__file__).parents[2] / "specs"
FILES = sorted(SPECS.glob("*.net"))


class Known(NamedTuple):
    """What is known of a net: parameters and multiply-accumulates of one sample."""

    file: str
    net: str
    params: int
    macs: int | None
    source: str
    settings: tuple[tuple[str, int | str], ...] = ()
    sizes: tuple[tuple[str, int], ...] = ()
    frozen: int = 0
    """How many of the parameters are not trained."""

    def __str__(self) -> str:
        return "-".join([self.net, *(f"{k}={v}" for k, v in (*self.settings, *self.sizes))])


def mlp(hidden: int, params: int, macs: int) -> Known:
    return Known("mlp", "MLP", params, macs, "built: 784-H-10 is 795 H + 10", (("hidden", hidden),))


def char(net: str, hidden: int, layers: int, params: int) -> Known:
    """karpathy/char-rnn model/*.lua at 65 characters: i2h, h2h and the decoder are Linear with a bias each."""
    settings = (("hidden", hidden), ("layers", layers))
    return Known("char_rnn", net, params, None, "formula: karpathy/char-rnn", settings)


WIDER = "mapillary/inplace_abn b50bfe9, as test_vistas_single_gpu.py puts it together"


def wider(classes: int, params: int, macs: int | None = None) -> Known:
    return Known("wider_deeplab", "WiderResNet38DeepLabV3", params, macs, WIDER, (("classes", classes),))


KNOWN = [
    Known("perceptron", "Perceptron", 785, 784, "formula"),
    Known("perceptron", "PerceptronPoints", 3, 2, "formula"),
    Known("fitting", "Line", 2, 1, "formula"),
    Known("fitting", "Polynomial", 5, 4, "formula"),
    Known("fitting", "LinearSVM", 9, 6, "formula"),
    Known("fitting", "PointsMLP", 1_251, 1_184, "formula"),
    Known("local", "FullyConnected", 10**12, 10**12, "the slides"),
    Known("local", "LocallyConnected", 10**8, 10**8, "the slides say 10M, which is a million units of 10 weights"),
    Known("local", "Convolution", 10_000, 10**10, "the slides; formula"),
    Known("local", "LocalDigits", 8_010, 7_360, "formula: 64 · 10 · 10 + 161 · 10"),
    Known("local", "ConvDigits", 1_710, 7_360, "formula: 10 · 10 + 161 · 10"),
    Known("upsampling", "NearestNeighbour", 0, 0, "formula"),
    Known("upsampling", "BedOfNails", 0, 0, "formula"),
    Known("upsampling", "MaxUnpooling", 0, 0, "formula"),
    Known("upsampling", "TransposedConv", 3, 6, "formula"),
    Known("upsampling", "MatrixProducts", 3, 72, "formula: 12 + 12 + 24 + 24"),
    Known("softmax", "Softmax", 7_850, 7_840, "built"),
    mlp(32, 25_450, 25_408),
    mlp(64, 50_890, 50_816),
    mlp(100, 79_510, 79_400),
    mlp(128, 101_770, 101_632),
    mlp(256, 203_530, 203_264),
    mlp(300, 238_510, 238_200),
    mlp(512, 407_050, 406_528),
    mlp(800, 636_010, 635_200),
    mlp(1000, 795_010, 794_000),
    Known("mlp", "MLP2", 266_610, 266_200, "built"),
    Known("patches", "PatchNet", 69_956, 2_276_352, "formula"),
    Known("lenet", "LeNet", 61_706, 416_520, "built"),
    Known("alexnet", "AlexNet", 62_378_344, 1_135_256_096, "built: cs231n"),
    Known("alexnet", "AlexNet", 60_965_224, 724_406_816, "built: the same in two groups", (("groups", 2),)),
    Known("alexnet", "AlexNetGrouped", 60_965_224, 724_406_816, "prototxt: BVLC bvlc_alexnet"),
    Known("alexnet", "AlexNetOneTower", 61_100_840, 714_188_480, "torchvision alexnet"),
    Known("zfnet", "ZFNet", 62_357_608, 1_168_032_896, "built: figure 3 of the paper"),
    Known("zfnet", "ZFNet", 107_627_624, 2_476_704_896, "built: cs231n", (("c3", 512), ("c4", 1024), ("c5", 512))),
    Known("zfnet", "ZFNetDigits", 21_674, 582_624, "module from the paper, tests/references; MACs by formula"),
    Known("lenet5", "LeNet5", 60_000, 325_680, "the paper; its connections are counted below"),
    Known("googlenet", "GoogLeNet", 6_998_552, 1_582_671_872, "prototxt: BVLC bvlc_googlenet deploy"),
    Known("googlenet", "GoogLeNet", 6_624_904, 1_498_376_192, "torchvision googlenet", (("variant", "torchvision"),)),
    Known("googlenet", "GoogLeNetDigits", 34_874, 3_196_864, "formula: four of its modules"),
    Known("senet", "SEResNet50", 28_088_024, 3_860_488_192, "timm legacy_seresnet50; prototxt: hujie-frank/SENet"),
    Known("senet", "SEResNet101", 49_326_872, 7_574_937_600, "timm legacy_seresnet101; prototxt: hujie-frank/SENet"),
    Known("senet", "SEResNet152", 66_821_848, 11_288_993_792, "timm legacy_seresnet152; prototxt: hujie-frank/SENet"),
    Known("senet", "SENet154", 115_088_984, 20_688_363_520, "timm legacy_senet154; prototxt: hujie-frank/SENet"),
    Known("senet", "SENetDigits", 29_504, 2_376_960, "formula: one block of each kind"),
    Known("drn", "DRND22", 16_393_752, 13_034_229_760, "fyu/drn d75db2e"),
    Known("drn", "DRND38", 26_501_912, 21_126_615_040, "fyu/drn d75db2e"),
    Known("drn", "DRND54", 35_809_176, 28_486_832_128, "fyu/drn d75db2e"),
    Known("drn", "DRND105", 54_801_304, 43_335_716_864, "fyu/drn d75db2e"),
    Known("drn", "DRNDigits", 603_454, 10_188_032, "formula: one block a level"),
    Known("xception", "Xception65", 39_916_312, 13_852_682_216, "timm xception65"),
    Known("xception", "Xception71", 42_338_736, 17_946_553_928, "timm xception71"),
    Known("xception", "XceptionDigits", 36_242, 1_743_104, "formula: one unit of each kind"),
    Known("wider_resnet", "WiderResNet38", 109_167_912, 49_518_575_616, "mapillary/inplace_abn b50bfe9, A2"),
    Known("wider_resnet", "WiderResNet38", 109_167_912, 49_518_575_616, "the same, A1", (("variant", "a1"),)),
    Known("wider_resnet", "WiderResNetDigits", 237_206, 1_030_656, "formula: one unit a group"),
    wider(19, 135_815_251, 1_276_776_804_032),
    wider(20, 135_815_508),
    wider(26, 135_817_050),
    wider(27, 135_817_307),
    Known(
        "wider_deeplab", "WiderResNet38DeepLabV3", 135_827_073, 1_294_364_311_552, WIDER,
        (("classes", 65), ("window", "[64, 84]")), (("H", 512), ("W", 1024)),
    ),
    Known("ensemble", "IDDEnsemble", 4 * 135_817_050, 5_107_165_276_928, "four times the above"),
    Known("ensemble", "BlobsEnsemble", 4 * 354_998, 4 * 24_578_048, "four times the one below"),
    Known("wider_deeplab", "WiderDeepLabBlobs", 354_998, 24_578_048, "formula: one unit a group"),
    Known("vgg", "VGG11", 132_863_336, 7_609_090_048, "torchvision vgg11"),
    Known("vgg", "VGG11BN", 132_868_840, 7_609_090_048, "vgg11 and 2 · 2,752 of batch normalisation"),
    Known("vgg", "VGG16", 138_357_544, 15_470_264_320, "torchvision vgg16"),
    Known("vgg", "VGG16BN", 138_365_992, 15_470_264_320, "torchvision vgg16_bn"),
    Known("vgg", "VGG19", 143_667_240, 19_632_062_464, "torchvision vgg19"),
    Known("vgg", "VGG19BN", 143_678_248, 19_632_062_464, "torchvision vgg19_bn"),
    Known("resnet", "ResNet18", 11_689_512, 1_814_073_344, "torchvision resnet18"),
    Known("resnet", "ResNet34", 21_797_672, 3_663_761_408, "torchvision resnet34"),
    Known("resnet", "ResNet50", 25_557_032, 4_089_184_256, "torchvision resnet50"),
    Known("resnet", "ResNet101", 44_549_160, 7_801_405_440, "torchvision resnet101"),
    Known("resnet", "ResNet152", 60_192_808, 11_513_626_624, "torchvision resnet152"),
    Known("resnet", "ResNet50V1", 25_557_032, 3_857_973_248, "prototxt: KaimingHe, less conv1's bias of 64"),
    Known("resnet", "ResNet101V1", 44_549_160, 7_570_194_432, "prototxt: KaimingHe"),
    Known("resnet", "ResNet152V1", 60_192_808, 11_282_415_616, "prototxt: KaimingHe"),
    Known("siamese", "Siamese", 431_102, 2_293_020, "prototxt: Caffe's examples/siamese"),
    Known("alexnet", "AlexNetDigits", 141_922, 5_944_576, "built"),
    Known("vgg", "VGGDigits", 154_074, 2_441_856, "built"),
    Known("resnet", "ResNetCIFAR", 272_474, 40_813_184, "built; with projections"),
    Known("resnet", "ResNetCIFAR", 466_906, 69_124_736, "built: 32 layers", (("n", 5),)),
    Known("siamese", "SiameseDigits", 13_186, 91_264, "formula"),
    Known("unet", "UNet", 31_030_658, 150_428_424_448, "built: figure 1 of the paper"),
    Known("unet", "UNet", 31_030_593, 150_418_789_632, "built", (("classes", 1),)),
    Known("unet", "UNet", 31_031_810, 150_802_709_248, "built", (("channels", 3),)),
    Known("unet", "UNet", 31_031_745, 150_793_074_432, "built", (("channels", 3), ("classes", 1))),
    Known("unet", "UNetSame", 31_030_658, 192_384_335_872, "built"),
    Known("unet", "UNetSame", 31_031_810, 192_686_325_760, "built", (("channels", 3),)),
    Known("unet", "UNetSame", 31_031_745, 192_669_548_544, "built", (("channels", 3), ("classes", 1))),
    Known("unet", "UNetSameBN", 31_037_698, 192_686_325_760, "milesial/Pytorch-UNet 21d7850"),
    Known("unet", "UNetSameBN", 31_037_633, 192_669_548_544, "milesial/Pytorch-UNet 21d7850", (("classes", 1),)),
    Known("unet", "UNetSameBN", 31_036_546, 192_384_335_872, "built", (("channels", 1),)),
    Known("unet", "UNetBilinear", 17_263_042, 159_937_200_128, "milesial/Pytorch-UNet 21d7850; MACs: tests/references"),
    Known("unet", "UNetBilinear", 17_261_890, 159_635_210_240, "the same", (("channels", 1),)),
    Known("unet", "UNetResNet34", 24_436_369, 7_813_988_352, "segmentation_models_pytorch 0.6.0"),
    Known(
        "unet", "UNetSameBN", 31_037_633, 48_167_387_136, "built; four times this at twice the side",
        (("classes", 1),), (("H", 256), ("W", 256)),
    ),
    Known("fcn", "FCN32s", 136_152_917, 181_365_854_976, "wkentaro/pytorch-fcn 4b98850", (), (), 1_806_336),
    Known("fcn", "FCN16s", 134_815_994, 181_448_086_272, "wkentaro/pytorch-fcn 4b98850", (), (), 458_640),
    Known("fcn", "FCN8s", 134_489_759, 181_529_034_048, "wkentaro/pytorch-fcn 4b98850", (), (), 127_008),
    Known("fcn", "FCNAlexNet", 58_704_590, 21_424_487_968, "prototxt: voc-fcn-alexnet", (), (), 1_750_329),
    Known("fcn", "FCNResNet50", 32_957_013, 142_725_772_800, "torchvision fcn_resnet50"),
    Known("fcn", "FCNResNet50", 32_955_987, 142_721_446_400, "torchvision fcn_resnet50", (("classes", 19),)),
    Known("fcn", "FCNResNet101", 51_949_141, 222_746_867_200, "torchvision fcn_resnet101"),
    Known("deeplab", "DeepLabV3ResNet50", 39_638_869, 168_731_205_888, "torchvision deeplabv3_resnet50"),
    Known("deeplab", "DeepLabV3ResNet50", 39_638_355, 168_729_042_688, "torchvision", (("classes", 19),)),
    Known("deeplab", "DeepLabV3ResNet101", 58_630_997, 248_752_300_288, "torchvision deeplabv3_resnet101"),
    Known("deeplab", "DeepLabV3PlusResNet101", 59_344_309, 92_820_363_712, "jfzhang95/pytorch-deeplab-xception"),
    Known("deeplab", "DeepLabV3PlusResNet101", 59_343_795, 92_811_843_520, "jfzhang95", (("classes", 19),)),
    Known("deeplab", "DeepLabV3PlusXception65", 41_055_413, 54_035_303_024, "timm xception65 and the paper's head, built"),
    Known(
        "deeplab", "DeepLabV3PlusXception65", 41_054_899, 418_375_681_136, "the same", (("classes", 19),),
        (("H", 1025), ("W", 2049)),
    ),
    Known("drn_seg", "DRND22Seg", 15_895_363, 208_722_526_208, "fyu/drn d75db2e, DRNSeg", (), (), 4_864),
    Known("drn_seg", "DRND38Seg", 26_003_523, 338_200_690_688, "fyu/drn d75db2e, DRNSeg", (), (), 4_864),
    Known(
        "drn_seg", "DRND38Seg", 26_003_523, 883_463_028_736, "fyu/drn d75db2e, DRNSeg", (), (("H", 1024), ("W", 2048)),
        4_864,
    ),
    Known("pspnet", "PSPNet50", 46_715_347, 363_777_200_320, "hszhao/semseg 4f274c3, less its head of training"),
    Known(
        "pspnet", "PSPNet50", 46_782_550, 161_874_838_720, "prototxt: hszhao/PSPNet for ADE20K",
        (("classes", 150),), (("H", 473), ("W", 473)),
    ),
    Known("pspnet", "PSPNet101", 65_707_475, 517_190_422_720, "hszhao/semseg; prototxt: hszhao/PSPNet"),
    Known(
        "pspnet", "PSPNet101", 65_708_501, 229_820_720_320, "prototxt: hszhao/PSPNet for VOC",
        (("classes", 21),), (("H", 473), ("W", 473)),
    ),
    Known("erfnet", "ERFNet", 2_064_191, 26_604_339_200, "Eromera/erfnet_pytorch d4a46fa, less an unused head"),
    Known("erfnet", "ERFNet", 2_064_256, 26_612_727_808, "Eromera/erfnet_pytorch", (("classes", 20),)),
    Known(
        "erfnet", "ERFNet", 2_064_256, 106_450_911_232, "Eromera/erfnet_pytorch",
        (("classes", 20),), (("H", 1024), ("W", 2048)),
    ),
    Known("erfnet", "ERFNetEncoder", 1_876_495, None, "Eromera/erfnet_pytorch, its encoder"),
    Known("linknet", "LinkNet34", 21_642_530, 5_799_158_784, "anilbatra2185/road_connectivity 01e4166"),
    Known("osvos", "OSVOS", 15_267_157, 130_835_414_400, "kmaninis/OSVOS-PyTorch 36562ef", frozen=349_520),
    Known("race", "RACE", 8_690, 172_113_920, "formula"),
    Known("race", "RACE", 8_690, 2 * 172_113_920, "formula", (("turns", 20),)),
    Known("road_audit", "RoadAudit", 2_064_191, 26_604_339_200, "Eromera/erfnet_pytorch: ERFNet"),
    Known("roads", "StackedHourglass", 29_002_012, 37_495_523_328, "anilbatra2185/road_connectivity 01e4166"),
    Known(
        "roads", "StackedHourglass", 29_002_012, 150_000_912_384, "anilbatra2185/road_connectivity 01e4166",
        sizes=(("H", 512), ("W", 512)),
    ),
    Known("roads", "LinkNet34MTL", 22_004_903, 7_107_266_560, "anilbatra2185/road_connectivity 01e4166"),
    Known("roads", "RoadRefiner", 21_648_866, 5_901_919_232, "anilbatra2185/road_connectivity 01e4166"),
    Known("roads", "RoadRefinerTurns", 21_648_866, 3 * 5_901_919_232, "anilbatra2185/road_connectivity 01e4166"),
    Known(
        "clockwork", "ClockworkFCN", 134_368_799, 180_992_697_408, "shelhamer/clockwork-fcn 19a413e, grouped kernels",
        frozen=6_048,
    ),
    Known("clockwork", "ClockworkFCN", 134_358_489, None, "the same, Cityscapes", (("classes", 19),), frozen=5_472),
    Known("clockwork", "ClockworkFCN", 134_466_744, None, "the same, NYUD", (("classes", 40),), frozen=11_520),
    Known("clockwork", "ClockworkFixed", 134_368_799, 317_658_855_552, "two frames, one deep", frozen=6_048),
    Known("clockwork", "ClockworkPipelined", 134_368_799, 180_992_697_408, "the same stages", frozen=6_048),
    Known("clockwork", "ClockworkShallow", 7_657_146, 136_666_158_144, "its stages 1 and 2", frozen=5_712),
    Known("clockwork", "ClockworkDeep", 126_717_365, 44_353_270_080, "its stage 3", frozen=6_048),
    Known("polygon_rnn", "PolygonRNN", 26_878_225, 17_550_021_888, "reconstruction of the paper; MACs by formula"),
    Known("polygon_rnn", "PolygonRNNSpeak", 26_878_225, 17_550_021_888, "the same weights and steps"),
    Known("polygon_rnn", "FirstVertex", 16_929_483, 16_735_710_096, "its trunk, and formula"),
    Known("polygon_rnn", "PolygonShapes", 370_553, None, "formula"),
    Known("polygon_rnn", "PolygonShapesSpeak", 370_553, None, "formula"),
    Known("polygon_rnn", "FirstVertexShapes", 265_507, None, "formula"),
    Known("deconvnet", "DeconvNet", 251_805_653, 32_745_979_904, "prototxt: DeconvNet_inference_deploy"),
    Known("segnet", "SegNet", 29_449_355, 106_712_432_640, "prototxt: segnet_inference"),
    Known(
        "segnet", "SegNet", 29_455_125, 31_213_486_080, "prototxt: segnet_pascal",
        (("classes", 21),), (("H", 224), ("W", 224)),
    ),
    Known("segnet", "SegNetBasic", 1_416_587, 59_188_838_400, "prototxt: segnet_basic_inference"),
    Known("mobilenet", "MobileNetV2", 3_504_872, 300_774_272, "timm mobilenetv2_100"),
    Known("mobilenet", "MobileNetV3Large", 5_483_032, 216_589_760, "timm mobilenetv3_large_100"),
    Known("mobilenet", "MobileNetV3Small", 2_542_856, 56_510_400, "timm mobilenetv3_small_100"),
    Known("mobilenet", "MobileNetV2Digits", 33_066, 3_939_584, "built of timm's blocks"),
    Known("mobilenet", "MobileNetV3Digits", 35_186, 2_340_096, "built of timm's blocks"),
    Known("efficientnet", "EfficientNetB0", 5_288_548, 385_814_752, "timm efficientnet_b0"),
    Known("efficientnet", "EfficientNetDigits", 33_086, 3_702_528, "built of timm's blocks"),
    Known("mixer", "MixerB16", 59_880_472, 12_601_767_936, "timm mixer_b16_224"),
    Known("mixer", "MixerDigits", 138_762, 2_364_032, "timm MlpMixer"),
    Known("convnext", "ConvNeXtT", 28_589_128, 4_455_531_264, "timm convnext_tiny"),
    Known("convnext", "ConvNeXtDigits", 28_666, 712_000, "built of timm's blocks"),
    Known("vit", "ViTB16", 86_567_656, 17_563_828_224, "timm vit_base_patch16_224"),
    Known("vit", "ViTS16", 22_050_664, 4_598_882_304, "timm vit_small_patch16_224"),
    Known("vit", "ViTDigits", 102_218, 1_749_888, "timm VisionTransformer"),
    Known("swin", "SwinT", 28_288_354, 4_490_566_656, "timm swin_tiny_patch4_window7_224"),
    Known("swin", "SwinDigits", 135_414, 3_482_240, "timm SwinTransformer"),
    Known("show_attend_tell", "CaptionDigits", 37_314, 777_504, "module from the paper, tests/references; formula"),
    Known("show_attend_tell", "CaptionDigitsSpeak", 37_314, 777_504, "the same weights and steps"),
    Known("gpt", "GPT2", 124_439_808, 136_169_914_368, "transformers GPT2LMHeadModel; pairs that are read"),
    Known("gpt", "GPT2", 354_823_168, None, "transformers: gpt2-medium", (("width", 1024), ("heads", 16), ("depth", 24))),
    Known("gpt", "GPTChars", 112_384, None, "transformers GPT2LMHeadModel"),
    Known("llama", "Llama2", 6_738_415_616, 29_262_149_058_560, "transformers LlamaForCausalLM; MACs by formula"),
    Known("llama", "Llama32", 1_235_814_400, 5_611_508_989_952, "transformers LlamaForCausalLM; MACs by formula"),
    Known("moe", "Mixtral", 46_702_792_704, 54_417_772_511_232, "transformers MixtralForCausalLM; MACs by formula"),
    Known("moe", "MixtralChars", 189_248, 4_739_072, "formula"),
    Known("llama", "LlamaChars", 100_672, None, "transformers LlamaForCausalLM"),
    Known("t5", "T5Small", 60_506_624, 34_998_845_440, "transformers T5ForConditionalGeneration; MACs by formula"),
    Known("t5", "T5Chars", 173_056, None, "transformers T5ForConditionalGeneration"),
    Known("mamba", "Mamba130M", 129_135_360, 264_203_403_264, "transformers MambaForCausalLM; MACs by formula"),
    Known("mamba", "MambaChars", 67_520, None, "transformers MambaForCausalLM"),
    Known("bert", "BERT", 109_514_298, 60_622_110_720, "transformers BertForMaskedLM; MACs by formula"),
    Known("bert", "BERTClassifier", 109_483_778, 48_318_973_440, "transformers BertForSequenceClassification; formula"),
    Known("bert", "BERTChars", 145_472, None, "transformers BertForMaskedLM, less its table of two segments"),
    Known("vae", "VAE", 815_824, 814_000, "module from the paper, tests/references"),
    Known("vae", "VAESample", 403_284, 402_000, "its half behind the code"),
    Known("vae", "VAEDigits", 19_792, 19_456, "formula: 128 · (64 + 16 + 8 + 64)"),
    Known("vae", "VAEDigitsSample", 9_408, 9_216, "its half behind the code"),
    Known("pointnet", "PointNet", 3_480_049, 448_025_856, "tests/references; the paper says 3.5M and 440M"),
    Known("pointnet", "PointNetDigits", 42_507, 252_288, "built of the same"),
    Known("spatial_transformer", "STCNN", 116_696, 2_708_648, "tests/references, and 784 · 4 of the turned grid"),
    Known("spatial_transformer", "STDigits", 9_536, 385_040, "built of the same"),
    Known("vqvae", "VQVAE", 4_877_059, 316_669_952, "module from the paper, tests/references; MACs by formula"),
    Known("vqvae", "VQVAEDigits", 43_297, 688_128, "formula"),
    Known("whisper", "Whisper", 37_184_640, 35_233_505_280, "transformers, less its sinusoids; pairs that are read"),
    Known("whisper", "WhisperChars", 288_256, None, "transformers, and the sounds", (), (), 4_096),
    Known("gan", "DCGAN", 6_342_272, 312_262_656, "module from the paper, tests/references; the critic twice"),
    Known("gan", "DCGANSample", 3_576_704, 104_628_224, "its painter"),
    Known("gan", "GANDigits", 174_336, 827_904, "formula: the same of fewer steps"),
    Known("gan", "GANDigitsSample", 140_672, 548_864, "its painter"),
    Known("neuroiou", "NeuroIoU", 31_043_414, 48_251_456_000, "UNetSameBN, and twice 21 · 4,352 of its surrogate"),
    Known("neuroiou", "NeuroIoUMask", 31_038_933, 48_251_273_216, "UNetSameBN of 21 classes, at 256"),
    Known("ddpm", "DDPM", 35_746_307, 6_221_856_768, "diffusers UNet2DModel, products of attention by formula"),
    Known("ddpm", "DDPMSample", 35_746_307, 6_221_856_768_000, "a thousand of these"),
    Known("ddpm", "DDPMDigits", 252_545, 5_797_888, "built of the same"),
    Known("ddpm", "DDPMDigitsSample", 252_545, 579_788_800, "a hundred of these"),
    Known("translate", "Seq2Seq", 13_898_501, 207_144_960, "bentrevett/pytorch-seq2seq b3cd54c; MACs by formula"),
    Known("translate", "Seq2SeqSpeak", 13_898_501, 207_144_960, "the same weights and steps"),
    Known("translate", "Sutskever", 384_000_000, 4_320_000_000, "the paper, section 3; (64M + 80M) · 30"),
    Known("translate", "Context", 14_219_781, 213_775_360, "bentrevett/pytorch-seq2seq b3cd54c; MACs by formula"),
    Known("translate", "Attention", 20_518_405, 529_538_048, "bentrevett/pytorch-seq2seq b3cd54c; MACs by formula"),
    Known("translate", "AttentionSpeak", 20_518_405, 529_538_048, "the same weights and steps"),
    Known("caption", "CaptionVGG", 147_132_496, None, "vgg16 less fc8; formula", frozen=134_260_544),
    Known("caption", "ShowAndTell", 67_901_988, None, "yunjey/pytorch-tutorial", frozen=58_143_808),
    Known("caption", "ShowAndTell", 67_935_824, None, "the same", (("words", 10_000),), frozen=58_143_808),
    Known("caption", "NeuralTalk2", 148_266_656, None, "karpathy/neuraltalk2"),
    Known("caption", "ShowAttendTell", 62_984_019, None, "sgrvinod/a-PyTorch-Tutorial-to-Image-Captioning"),
    Known("caption", "CaptionShapes", 147_892, 3_084_288, "formula"),
    Known("caption", "CaptionShapesSpeak", 147_892, 817_152, "formula, 8 words"),
    Known("sentiment", "Sentiment", 1_367_106, 23_331_328, "formula: 64 · 4 · 256 · 356 + 512"),
    Known("sentiment", "SentimentMean", 1_000_202, 6_600, "formula"),
    Known("video_labels", "LRCN", 44_571_365, None, "AlexNetGrouped less fc7 and fc8, LSTM and scores by formula"),
    Known("video_labels", "FrameLabels", 170_597, None, "formula"),
    Known("char_rnn", "CharStep", 112_992, 106_496, "CharRNN, one step"),
    Known("char_rnn", "Hello", 33, 33, "formula: the slides' toy, one step", (), (("T", 1),)),
    Known("char_rnn", "CharVanilla", 23_165, None, "formula: min-char-rnn", (("hidden", 100), ("biases", 1))),
    char("CharVanilla", 128, 1, 33_345),
    char("CharVanilla", 128, 2, 66_369),
    char("CharVanilla", 128, 3, 99_393),
    char("CharVanilla", 256, 2, 230_977),
    char("CharVanilla", 512, 2, 855_105),
    char("CharVanilla", 512, 3, 1_380_417),
    char("CharGRU", 128, 1, 83_265),
    char("CharGRU", 128, 2, 182_337),
    char("CharGRU", 128, 3, 281_409),
    char("CharGRU", 256, 2, 659_521),
    char("CharGRU", 512, 2, 2_498_625),
    char("CharGRU", 512, 3, 4_074_561),
    char("CharLSTM", 128, 1, 108_225),
    char("CharLSTM", 128, 2, 240_321),
    char("CharLSTM", 128, 3, 372_417),
    char("CharLSTM", 256, 2, 873_793),
    char("CharLSTM", 512, 2, 3_320_385),
    char("CharLSTM", 512, 3, 5_421_633),
]  # fmt: skip

HEADS = {
    "GoogLeNet": 6_379_728, "GoogLeNetDigits": 11_700, "PSPNet50": 2_364_691, "PSPNet101": 2_364_691,
    "DeepLabV3ResNet50": 2_365_205, "DeepLabV3ResNet101": 2_365_205, "FCNResNet50": 2_365_205, "FCNResNet101": 2_365_205,
}  # fmt: skip
"""Parameters that are there in training alone: BVLC's train_val prototxt has 13,378,280 with the first; semseg's and
torchvision's heads behind the third stage."""

CORE_FLOPS = {
    ("alexnet", "AlexNetOneTower"): 1_428_871_144,
    ("alexnet", "AlexNet"): 2_271_171_464,
    ("alexnet", "AlexNetGrouped"): 1_449_472_904,
    ("resnet", "ResNet50"): 8_178_369_512,
    ("unet", "UNet"): 300_991_202_336,
}
"""Twice the MACs and the bias additions, as torch's and ptflops's ATen counters agree on them."""


@cache
def report(
    file: str, net: str, settings: tuple[tuple[str, int | str], ...] = (), sizes: tuple[tuple[str, int], ...] = ()
) -> Report:
    program = load_file(SPECS / f"{file}.net", {name: str(value) for name, value in settings})
    return analyze(program.net(net, trained=False), sizes=dict(sizes))


def row(report: Report, path: str) -> Row:
    return next(r for r in report.rows if r.path == path)


def nets() -> list[tuple[str, str]]:
    return [(path.stem, name) for path in FILES for name in load_file(path).names]


# ---------------------------------------------------------------- the files


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_spec_has_neither_errors_nor_warnings(path: Path) -> None:
    assert [f"{d.code}: {d.message}" for d in check_program(load_file(path))] == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_spec_is_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(Source(path.name, text)) == text


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_spec_names_its_paper(path: Path) -> None:
    """The head comment says who and when; every line fits a screen."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = " ".join(line for line in lines[: next(i for i, t in enumerate(lines) if not t.startswith("#"))])
    assert any(str(year) in head for year in range(1957, 2027)) or "cs231n" in head
    assert max(map(len, lines)) <= 120


def test_every_net_is_counted_somewhere() -> None:
    counted = {(k.file, k.net) for k in KNOWN}
    assert set(nets()) - counted == {("char_rnn", "CharRNN"), ("char_rnn", "CharRNNFused")}  # counted below


# ---------------------------------------------------------------- counts


@pytest.mark.parametrize("known", KNOWN, ids=str)
def test_counts(known: Known) -> None:
    totals = report(known.file, known.net, known.settings, known.sizes).totals
    assert totals.params == totals.trainable_params + known.frozen == known.params
    if known.macs is not None:
        assert totals.macs == known.macs


@pytest.mark.parametrize(("file", "net"), nets(), ids=lambda x: x)
def test_nothing_is_left_uncounted_or_unused(file: str, net: str) -> None:
    found = report(file, net)
    assert [each for each in found.not_counted if each.op != "noise"] == []
    assert (found.totals.unused_params, found.totals.aux_params) == (0, HEADS.get(net, 0))
    assert found.totals.params == sum(r.params for r in found.leaves())
    assert found.totals.macs == sum(r.macs or 0 for r in found.leaves())


@pytest.mark.parametrize(("file", "net"), CORE_FLOPS, ids=lambda x: x)
def test_core_flops(file: str, net: str) -> None:
    assert report(file, net).totals.flops_core == CORE_FLOPS[file, net]


def test_core_flops_of_a_unet_of_256() -> None:
    found = report("unet", "UNetSameBN", (("classes", 1),), (("H", 256), ("W", 256)))
    assert found.totals.flops_core == 96_342_704_128


@pytest.mark.parametrize("groups", [1, 2])
def test_alexnet_by_layer(groups: int) -> None:
    """The slides' rule H · W · F · F · D1 · D2, row by row; parameters as on the slides."""
    found = report("alexnet", "AlexNet", (("groups", groups),))
    grouped = groups == 2
    macs = {
        "conv1": 105_415_200,
        "conv2": 223_948_800 if grouped else 447_897_600,
        "conv3": 149_520_384,
        "conv4": 112_140_288 if grouped else 224_280_576,
        "conv5": 74_760_192 if grouped else 149_520_384,
        "fc6": 37_748_736,
        "fc7": 16_777_216,
        "fc8": 4_096_000,
    }
    assert {path: row(found, path).macs for path in macs} == macs
    if not grouped:
        params = [34_944, 614_656, 885_120, 1_327_488, 884_992, 37_752_832, 16_781_312, 4_097_000]
        assert [row(found, path).params for path in macs] == params


def test_transcendentals_of_alexnet() -> None:
    """LRN raises each of its numbers to a power once: 113,248, as XLA counts them; nothing else has any."""
    found = report("alexnet", "AlexNet")
    assert sum(r.transcendentals or 0 for r in found.leaves() if r.op == "lrn") == 96 * 27 * 27 + 256 * 13 * 13
    assert found.totals.transcendentals == 113_248


@pytest.mark.parametrize(
    ("cell", "features", "hidden", "params", "macs"),
    [
        ("rnn", 10, 20, 640, 600),
        ("gru", 10, 20, 1_920, 1_800),
        ("lstm", 10, 20, 2_560, 2_400),
        ("rnn", 65, 128, 24_960, 24_704),
        ("gru", 65, 128, 74_880, 74_112),
        ("lstm", 65, 128, 99_840, 98_816),
        ("rnn", 256, 512, 394_240, 393_216),
        ("gru", 256, 512, 1_182_720, 1_179_648),
        ("lstm", 256, 512, 1_576_960, 1_572_864),
        ("lstm", 1000, 1000, 8_008_000, 8_000_000),
    ],
)
def test_recurrent_layers(cell: str, features: int, hidden: int, params: int, macs: int) -> None:
    """torch's nn.RNN, nn.GRU and nn.LSTM, with two biases a gate, for one step."""
    text = f"net X {{ input x [T = 1, {features}]\n output h: {cell}({hidden}) }}"
    totals = analyze(load_text(text).net()).totals
    assert (totals.params, totals.macs) == (params, macs)


def test_stacked_lstms() -> None:
    """128 to 256 in two layers over 50 steps, and a linear layer of 10 on the last: as torchprofile counts it."""
    text = "net X { input x [T = 50, 128]\n output y: lstm(256, layers=2) -> last -> linear(10) }"
    assert analyze(load_text(text).net()).totals.macs == 45_877_760


def test_the_written_cell_costs_what_the_fused_one_costs() -> None:
    ours, fused = (report("char_rnn", name).totals for name in ("CharRNN", "CharRNNFused"))
    expected = 96 * 64 + 256 * (64 + 256) + 256 + 256 * 96 + 96
    assert ours.params == fused.params == expected
    assert ours.macs == fused.macs == 64 * (256 * (64 + 256) + 256 * 96)


# ---------------------------------------------------------------- shapes and fields of view


def test_alexnet_shapes() -> None:
    found = report("alexnet", "AlexNet")
    shapes = {
        "pool1": (96, 27, 27),
        "norm1": (96, 27, 27),
        "pool2": (256, 13, 13),
        "norm2": (256, 13, 13),
        "conv3": (384, 13, 13),
        "conv4": (384, 13, 13),
        "conv5": (256, 13, 13),
        "pool3": (256, 6, 6),
        "fc6": (4096,),
        "fc7": (4096,),
        "fc8": (1000,),
    }
    assert row(found, "conv1").outputs == ((96, 55, 55),)
    assert {path: row(found, path).outputs[0] for path in shapes} == shapes


def test_googlenet_in_training() -> None:
    """With both heads, as BVLC's train_val prototxt and torchvision's own train: theirs are the counts of two images."""
    for variant, params, macs in (
        ("caffe", 13_378_280, 1_591_044_096),
        ("torchvision", 13_004_888, 3_013_496_832 // 2),
    ):
        net = load_file(SPECS / "googlenet.net", {"variant": variant}).net("GoogLeNet")
        totals = analyze(net, training=True).totals
        assert (totals.params, totals.macs) == (params, macs)


def test_wider_resnet_in_training() -> None:
    """The mean of the whole image there, of 84×84 places around each of 90×90 at evaluation."""
    net = load_file(SPECS / "wider_deeplab.net").net("WiderResNet38DeepLabV3", trained=False)
    totals = analyze(net, training=True).totals
    assert (totals.params, totals.macs) == (135_815_251, 1_267_753_610_944)


def test_the_field_of_torchvisions_googlenet() -> None:
    field = row(report("googlenet", "GoogLeNet", (("variant", "torchvision"),)), "i5b").receptive_field
    assert field is not None
    assert field.size == (379, 379)


TRUNKS = [
    ("drn", "trunk([3, 4, 6, 3], deep=false) -> conv(19, 1)", 896, (19, 112, 112), 25_998_659),
    ("wider_resnet", "trunk([3, 3, 6, 3, 1, 1], dilated=true)", 713, (4096, 90, 90), 105_070_912),
    ("xception", "trunk(reach=16)", 513, (256, 129, 129), 37_867_312),
]


@pytest.mark.parametrize(("file", "call", "side", "shape", "params"), TRUNKS, ids=[t[0] for t in TRUNKS])
def test_trunks_serve_segmentation(file: str, call: str, side: int, shape: tuple[int, ...], params: int) -> None:
    """Another file takes them: fyu/drn's DRNSeg, mapillary's dilated body, timm's and jfzhang95's Xception."""
    text = f'use "./{file}.net" {{ trunk }}\nnet X {{\n input image [3, {side}, {side}]\n seen: {call}\n}}'
    found = analyze(load_source(Source("x.net", text, SPECS / "x.net")).net())
    assert found.outputs[0].shape == shape
    assert found.totals.params == params
    if file == "xception":
        assert found.outputs[1].shape == (2048, 33, 33)


def test_lenet5_has_the_connections_of_its_paper() -> None:
    """340,908 of them: a product or a bias at each place, five for each unit that subsamples, 840 to the targets."""
    found = report("lenet5", "LeNet5")
    macs = sum(r.macs or 0 for r in found.leaves())
    biases = 6 * 28 * 28 + 16 * 10 * 10 + 120 + 84
    assert macs + biases + 5 * (6 * 14 * 14 + 16 * 5 * 5) + 840 == 340_908
    params = {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}
    made = {name: sum(r.params for r in found.leaves() if r.path.split(".")[0] == name) for name in params}
    assert made == params


def test_unet_shapes() -> None:
    """Figure 1 of the paper: 572 in, 388 out."""
    found = report("unet", "UNet")
    sides = {"d1": 568, "d2": 280, "d3": 136, "d4": 64, "d5": 28, "u4": 52, "u3": 100, "u2": 196, "u1": 388}
    channels = [64, 128, 256, 512, 1024, 512, 256, 128, 64]
    wanted = [(c, side, side) for c, side in zip(channels, sides.values(), strict=True)]
    assert [row(found, path).outputs[0] for path in sides] == wanted
    assert [(p.name, p.shape) for p in found.outputs] == [("mask", (2, 388, 388))]


FIELDS = [
    ("alexnet", "AlexNet", "conv5", 163, 16),
    ("alexnet", "AlexNet", "pool3", 195, 32),
    ("alexnet", "AlexNetOneTower", "pool3", 195, 32),
    ("vgg", "VGG16", "stage5.conv_relu3", 196, 16),
    ("vgg", "VGG16", "stage5", 212, 32),
    ("vgg", "VGG19", "stage5", 268, 32),
    ("googlenet", "GoogLeNet", "i5b", 715, 32),
    ("resnet", "ResNet18", "stage4.basic2", 435, 32),
    ("resnet", "ResNet34", "stage4.basic3", 899, 32),
    ("resnet", "ResNet50", "stage4.bottleneck3", 427, 32),
    ("resnet", "ResNet101", "stage4.bottleneck3", 971, 32),
    ("resnet", "ResNet152", "stage4.bottleneck3", 1451, 32),
    ("resnet", "ResNet50V1", "stage4.original3", 483, 32),
    ("resnet", "ResNet101V1", "stage4.original3", 1027, 32),
    ("resnet", "ResNet152V1", "stage4.original3", 1507, 32),
]


@pytest.mark.parametrize(("file", "net", "path", "size", "stride"), FIELDS)
def test_receptive_fields(file: str, net: str, path: str, size: int, stride: int) -> None:
    """The published tables (Araujo et al., "Computing Receptive Fields of Convolutional Neural Networks", 2019)."""
    field = row(report(file, net), path).receptive_field
    assert field is not None
    assert (field.size, field.smallest, field.stride) == ((size, size), (size, size), (stride, stride))


def test_receptive_field_of_unet() -> None:
    """An output pixel sees 188 or 204 pixels, by its place in the grid of 16: as gradients show."""
    field = row(report("unet", "UNet"), "mask").receptive_field
    assert field is not None
    assert (field.smallest, field.size, field.stride) == ((188, 188), (204, 204), (1, 1))


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize("symbol", ["H", "W"])
def test_sizes_of_unet(symbol: str) -> None:
    rule = report("unet", "UNet").sizes[symbol]
    assert (rule.modulus, rule.minimum, rule.maximum, rule.says) == (1, 188, None, "any size from 188")
    assert (rule.exact.modulus, rule.exact.remainders, rule.exact.minimum) == (16, (12,), 188)
    assert rule.exact.says.startswith("16k + 12: 188, 204")


@pytest.mark.parametrize("net", ["UNetSame", "UNetSameBN"])
@pytest.mark.parametrize("symbol", ["H", "W"])
def test_sizes_of_padded_unets(net: str, symbol: str) -> None:
    rule = report("unet", net).sizes[symbol]
    assert (rule.modulus, rule.remainders, rule.minimum, rule.says) == (16, (0,), 16, "multiples of 16")
    assert rule.demands


def test_the_smallest_unet() -> None:
    """188 is the first size that fits: its mask has 4 rows. 187 is refused."""
    found = report("unet", "UNet", (), (("H", 188), ("W", 572)))
    assert found.outputs[0].shape == (2, 4, 388)
    with pytest.raises(NetError, match="cannot take H = 187"):
        report("unet", "UNet", (), (("H", 187), ("W", 572)))


def test_a_padded_unet_refuses_other_sizes() -> None:
    with pytest.raises(NetError, match="cannot take H = 500"):
        report("unet", "UNetSame", (), (("H", 500),))


def test_any_size_fits_a_resnet() -> None:
    rule = report("resnet", "ResNet50").sizes["H"]
    assert (rule.modulus, rule.minimum, rule.maximum) == (1, 1, None)


@pytest.mark.parametrize("symbol", ["H", "W"])
def test_sizes_of_pspnet(symbol: str) -> None:
    rule = report("pspnet", "PSPNet101").sizes[symbol]
    assert (rule.modulus, rule.remainders, rule.minimum) == (8, (1,), 1)
    assert rule.says.startswith("8k + 1: 1, 9, 17")
    with pytest.raises(NetError, match="cannot take H = 712"):
        report("pspnet", "PSPNet101", (), (("H", 712),))


PLACES = {
    ("fcn", "FCN8s"): {
        "trunk.pool1": (64, 349, 349), "trunk.pool2": (128, 175, 175), "trunk.pool3": (256, 88, 88),
        "trunk.pool4": (512, 44, 44), "trunk.pool5": (512, 22, 22), "trunk.fc6": (4096, 16, 16), "score_fr": (21, 16, 16),
        "upscore2": (21, 34, 34), "upscore_pool4": (21, 70, 70), "upscore8": (21, 568, 568),
    },
    ("fcn", "FCN16s"): {"upscore16": (21, 560, 560)},
    ("fcn", "FCN32s"): {"upscore": (21, 544, 544)},
    ("segnet", "SegNet"): {"u5": (512, 23, 30), "u4": (512, 45, 60), "u3": (256, 90, 120), "u2": (128, 180, 240)},
    ("deconvnet", "DeconvNet"): {
        "fc7": (4096, 1, 1), "fc6_deconv": (512, 7, 7), "unpool5": (512, 14, 14), "deconv4": (256, 28, 28),
        "deconv1": (64, 224, 224),
    },
    ("pspnet", "PSPNet101"): {
        "layer0": (128, 179, 179), "layer2": (512, 90, 90), "layer4": (2048, 90, 90), "ppm": (4096, 90, 90),
    },
    ("deeplab", "DeepLabV3ResNet101"): {"layer1": (256, 130, 130), "layer3": (1024, 65, 65), "layer4": (2048, 65, 65)},
    ("wider_deeplab", "WiderResNet38DeepLabV3"): {
        "trunk1.mod1": (64, 713, 713), "trunk1.mod2": (128, 357, 357), "trunk1.mod3": (256, 179, 179),
        "trunk1.mod4": (512, 90, 90), "trunk1.mod5": (1024, 90, 90), "trunk1.mod6": (2048, 90, 90),
        "trunk1.mod7": (4096, 90, 90), "head1.slid.avgpool": (4096, 7, 7), "head1": (256, 90, 90), "cls": (19, 90, 90),
    },
    ("erfnet", "ERFNet"): {"code": (128, 64, 128), "up1": (64, 128, 256), "up2": (16, 256, 512)},
}  # fmt: skip
"""What the papers' tables and files print."""


@pytest.mark.parametrize(("file", "net"), PLACES, ids=lambda x: x)
def test_sizes_on_the_way(file: str, net: str) -> None:
    rows, wanted = report(file, net).rows, PLACES[file, net]
    made = {
        path: [r for r in rows if r.path == path or r.path.startswith(f"{path}.")][-1].outputs[0] for path in wanted
    }
    assert made == wanted
