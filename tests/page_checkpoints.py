"""Tiny page encoders of colpali-engine, made from configs with random weights: what the tests save and load."""

from __future__ import annotations

from typing import Any

WORDS = "Describe the image . User : Assistant user revenue of march table figure two north region"


def tokenizer(special: list[str], **names: str) -> Any:
    """One token a word, and the special ones that a model's processor asks for."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: index for index, word in enumerate([*special, "<unk>", "\n", *WORDS.split()])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    parts = [pre_tokenizers.Split("\n", "isolated"), pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Punctuation()]
    inner.pre_tokenizer = pre_tokenizers.Sequence(parts)
    others = [token for token in special if token not in names.values()]
    return PreTrainedTokenizerFast(tokenizer_object=inner, unk_token="<unk>", additional_special_tokens=others, **names)


SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def colpali(image_size: int = 56) -> tuple[Any, Any]:
    from colpali_engine.models import ColPali, ColPaliProcessor
    from transformers import PaliGemmaConfig, SiglipImageProcessorFast

    words = tokenizer(["<pad>", "<eos>", "<bos>"], pad_token="<pad>", eos_token="<eos>", bos_token="<bos>")
    images = SiglipImageProcessorFast(size={"height": image_size, "width": image_size})
    images.image_seq_length = (image_size // 14) ** 2
    processor = ColPaliProcessor(image_processor=images, tokenizer=words)
    text = {"model_type": "gemma", "num_key_value_heads": 1, "head_dim": 8, "vocab_size": len(words), "pad_token_id": 0}
    vision = {"model_type": "siglip_vision_model", "image_size": image_size, "patch_size": 14, "projection_dim": 16}
    config = PaliGemmaConfig(
        text_config=SMALL | text,
        vision_config=SMALL | vision,
        image_token_index=processor.image_token_id,
        projection_dim=16,
        hidden_size=16,
        pad_token_id=0,
    )
    return ColPali(config), processor


def colqwen(version: str = "ColQwen2") -> tuple[Any, Any]:
    """ColQwen2 or ColQwen2_5 with dynamic resolution: 4 to 32 visual tokens."""
    import colpali_engine.models as engine
    import transformers
    from transformers import Qwen2VLImageProcessorFast, Qwen2VLVideoProcessor

    markers = ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"]
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *markers]
    words = tokenizer(special, pad_token="<|endoftext|>", eos_token="<|im_end|>")
    images = Qwen2VLImageProcessorFast(size={"shortest_edge": 4 * 28 * 28, "longest_edge": 32 * 28 * 28})
    processor_class = engine.ColQwen2Processor if version == "ColQwen2" else engine.ColQwen2_5_Processor
    processor = processor_class(image_processor=images, tokenizer=words, video_processor=Qwen2VLVideoProcessor())
    text = {"hidden_size": 32, "num_key_value_heads": 1, "vocab_size": len(words), "pad_token_id": 0}
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    names = ("vision_start_token_id", "vision_end_token_id", "image_token_id", "video_token_id")
    ids = dict(zip(names, words.convert_tokens_to_ids(markers), strict=True))
    settings = {"text_config": SMALL | text | {"rope_parameters": rope, "bos_token_id": 0, "eos_token_id": 2}, **ids}
    if version == "ColQwen2":
        vision = {"depth": 2, "embed_dim": 16, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2}
        return engine.ColQwen2(transformers.Qwen2VLConfig(vision_config=vision, **settings)), processor
    vision = {"depth": 2, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "out_hidden_size": 32}
    vision |= {"fullatt_block_indexes": [1], "window_size": 56}
    return engine.ColQwen2_5(transformers.Qwen2_5_VLConfig(vision_config=vision, **settings)), processor


def tiled(name: str = "ColIdefics3", longest_edge: int = 128) -> tuple[Any, Any]:
    """ColIdefics3 or ColModernVBert: tiles of 32 pixels, 4 vectors each."""
    import colpali_engine.models as engine
    import transformers
    from transformers import Idefics3ImageProcessorFast

    markers = ["<|begin_of_text|>", "<|im_start|>", "<image>", "<fake_token_around_image>", "<end_of_utterance>"]
    rows = [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
    words = tokenizer(["<pad>", "<eos>", *markers, "<global-img>", *rows], pad_token="<pad>", eos_token="<eos>")
    images = Idefics3ImageProcessorFast(size={"longest_edge": longest_edge}, max_image_size={"longest_edge": 32})
    processor = getattr(engine, f"{name}Processor")(image_processor=images, tokenizer=words, image_seq_len=4)
    vision = SMALL | {"image_size": 32, "patch_size": 8}
    text = SMALL | {"vocab_size": len(words), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 1}
    if name == "ColIdefics3":
        config = transformers.Idefics3Config(
            text_config=text | {"model_type": "llama", "num_key_value_heads": 1},
            vision_config=vision,
            image_token_id=processor.image_token_id,
            scale_factor=2,
            pad_token_id=0,
        )
    else:
        config = transformers.ModernVBertConfig(
            text_config=text | {"model_type": "modernbert", "cls_token_id": 1, "sep_token_id": 1},
            vision_config=vision | {"model_type": "siglip_vision_model"},
            image_token_id=processor.image_token_id,
            pixel_shuffle_factor=2,
        )
    return getattr(engine, name)(config), processor


BUILDERS = {
    "ColPali": colpali,
    "ColQwen2": colqwen,
    "ColQwen2_5": lambda: colqwen("ColQwen2_5"),
    "ColIdefics3": tiled,
    "ColModernVBert": lambda: tiled("ColModernVBert"),
}


def build(family: str) -> tuple[Any, Any]:
    """Model and processor, with weights large enough that every patch and word gets a vector of its own."""
    import torch

    torch.manual_seed(0)
    model, processor = BUILDERS[family]()
    randomize(model)
    return model.eval(), processor


def randomize(model: Any) -> None:
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3)
