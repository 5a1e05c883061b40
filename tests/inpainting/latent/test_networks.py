from __future__ import annotations

import pytest
import torch
from tests.inpainting.tiny import TINY

from falseflaw.damage.prompts import all_prompts
from falseflaw.inpainting.latent.networks import (
    build_pipeline,
    build_scheduler,
    build_text_encoder,
    build_tokenizer,
    encode_prompts,
)


def test_every_word_of_the_prompts_is_one_token():
    tokenizer = build_tokenizer(all_prompts(), 24)
    for text in all_prompts():
        words = text.replace(",", " , ").replace("-", " - ").split()
        assert [token.removesuffix("</w>") for token in tokenizer.tokenize(text)] == words


def test_an_unknown_word_falls_apart_and_keeps_its_letters():
    tokenizer = build_tokenizer(["a mustard stain on a shirt"], 24)
    pieces = tokenizer.tokenize("A Zebra")
    assert "".join(pieces).replace("</w>", " ") == "a zebra "


@pytest.mark.parametrize(
    "words", [["st", "must", "stain", "mustard", "tar", "arm"], ["aaa", "aa", "aaaa", "a"]]
)
def test_words_that_share_pieces_stay_whole(words):
    tokenizer = build_tokenizer([" ".join(words)], 24)
    assert tokenizer.tokenize(" ".join(words)) == [f"{word}</w>" for word in words]


def test_prompts_are_encoded_as_the_pipeline_does():
    torch.manual_seed(0)
    pipeline = build_pipeline(TINY, ["a coffee stain on a shirt"])
    texts = ["a coffee stain", "", "a shirt " * 40]
    own = encode_prompts(texts, pipeline.tokenizer, pipeline.text_encoder.eval())
    theirs = pipeline.encode_prompt(texts, torch.device("cpu"), 1, False)[0]
    torch.testing.assert_close(own, theirs)
    assert own.shape == (3, TINY.text_length, TINY.text_width)
    assert not torch.allclose(own[0], own[1])


def test_the_vocabulary_fits_the_text_encoder():
    tokenizer = build_tokenizer(["a hole"], 16)
    encoder = build_text_encoder(TINY, tokenizer)
    assert encoder.config.vocab_size == len(tokenizer)
    assert encoder.config.eos_token_id == tokenizer.eos_token_id == tokenizer.pad_token_id


def test_sampling_starts_at_the_noisiest_step():
    scheduler = build_scheduler()
    scheduler.set_timesteps(16)
    assert scheduler.timesteps[0] == 999
    assert len(scheduler.timesteps) == 16


def test_a_pipeline_without_given_parts_can_be_saved_and_has_nine_channels(tmp_path):
    pipeline = build_pipeline(TINY, ["a hole"])
    assert pipeline.unet.config.in_channels == 9
    assert pipeline.vae_scale_factor == TINY.factor == 4
    pipeline.save_pretrained(tmp_path)
    assert (tmp_path / "tokenizer").is_dir()
    assert (tmp_path / "model_index.json").is_file()
