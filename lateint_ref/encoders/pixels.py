"""A page encoder that looks at the page: grey pixels in, one vector a patch out, no OCR.

ColPali in small. Convolutions read letters and words (ColPali's vision encoder); a linear map turns every patch into a
soft token, in the space of the late encoder's word vectors; layers of the late encoder's own shape let all patches of
the page see each other (ColPali's language model), and a projection ends in the space in which the late encoder puts
queries. It was trained on drawn pages, for which every word and its place are known: the recipe is in `data/training`.

Source: Faysse et al., "ColPali: Efficient Document Retrieval with Vision Language Models", ICLR 2025, section 4.1; the
blocks are those of Liu et al., "A ConvNet for the 2020s", CVPR 2022, section 2; the layers those of Devlin et al.,
"BERT", NAACL 2019, section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lateint_ref.checks import Float32Array, one_of, whole
from lateint_ref.encoders import trained
from lateint_ref.encoders.backbone import RESTORE, write_digests
from lateint_ref.encoders.late import LateEncoder, load_trained_late, load_untrained_late
from lateint_ref.encoders.pages import GRID, GridPages

if TYPE_CHECKING:
    from PIL.Image import Image

PATCH = (40, 32)  # pixels, height and width
PAGE = (GRID[0] * PATCH[0], GRID[1] * PATCH[1])  # 1280 x 1024
CELL = 8  # pixels: about a letter of ordinary print
NAME = "page encoder trained on drawn pages, 32 x 32 patches"
_PROBE = "late interaction"
_LATE: dict[str, Callable[[], LateEncoder]] = {"trained": load_trained_late, "untrained": load_untrained_late}


@dataclass(frozen=True)
class Network:
    """The sizes of the network.

    Attributes:
        stem: channels at 4 x 4 pixels.
        width: channels of a cell, 8 x 8 pixels.
        depth: convolutional blocks on the cells.
        hidden: dimensions of a soft token: the late encoder's word vectors have as many.
        layers: attention layers over all patches.
        heads: attention heads of a layer.
        dim: dimensions of a patch's vector.
    """

    stem: int = 32
    width: int = 128
    depth: int = 6
    hidden: int = 384
    layers: int = 4
    heads: int = 12
    dim: int = 128


class Block(nn.Module):  # type: ignore[misc]
    """Looks around every cell with a depthwise convolution, then thinks about each cell with a small network."""

    def __init__(self, width: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        self.look = nn.Conv2d(width, width, kernel, padding=(kernel[0] // 2, kernel[1] // 2), groups=width)
        self.norm, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.share = nn.Parameter(torch.full((width,), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """`(n, width, rows, columns)` to the same shape."""
        h = self.norm(self.look(x).permute(0, 2, 3, 1))
        return x + (self.down(functional.gelu(self.up(h))) * self.share).permute(0, 3, 1, 2)


class Layer(nn.Module):  # type: ignore[misc]
    """A layer of BERT, parameter by parameter, so that it can start as a copy of one of the late encoder's."""

    def __init__(self, hidden: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(hidden, hidden) for _ in range(3))
        self.out, self.out_norm = nn.Linear(hidden, hidden), nn.LayerNorm(hidden, eps=1e-12)
        self.up, self.down = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)
        self.down_norm = nn.LayerNorm(hidden, eps=1e-12)

    def forward(self, x: Tensor) -> Tensor:
        """`(n, patches, hidden)` to the same shape; every patch sees every other."""
        n, patches, hidden = x.shape
        q, k, v = (
            part(x).view(n, patches, self.heads, hidden // self.heads).transpose(1, 2)
            for part in (self.query, self.key, self.value)
        )
        seen = functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, patches, hidden)
        x = self.out_norm(x + self.out(seen))
        return self.down_norm(x + self.down(functional.gelu(self.up(x))))


class PageReader(nn.Module):  # type: ignore[misc]
    """From pixels to patch vectors, in four steps: `cells`, `soft_tokens`, `states`, projection."""

    def __init__(self, network: Network | None = None) -> None:
        super().__init__()
        self.network = net = network or Network()
        self.enter = nn.Conv2d(1, net.stem, 7, stride=2, padding=3)
        self.halve = nn.Conv2d(net.stem, net.stem, 3, stride=2, padding=1)
        self.strokes = Block(net.stem, (5, 5))
        self.widen = nn.Conv2d(net.stem, net.width, 2, stride=2)
        # Wider than high: letters make words along the line.
        kernels = [(3, 11) if number % 2 else (5, 7) for number in range(net.depth)]
        self.line = nn.Sequential(*[Block(net.width, kernel) for kernel in kernels])
        patch = (PATCH[0] // CELL, PATCH[1] // CELL)
        self.patch_norm = nn.LayerNorm(net.width)
        self.patch = nn.Conv2d(net.width, net.hidden, patch, stride=patch)
        self.row = nn.Parameter(0.02 * torch.randn(GRID[0], net.hidden))
        self.column = nn.Parameter(0.02 * torch.randn(GRID[1], net.hidden))
        self.enter_norm = nn.LayerNorm(net.hidden, eps=1e-12)
        self.layers = nn.ModuleList([Layer(net.hidden, net.heads) for _ in range(net.layers)])
        self.projection = nn.Linear(net.hidden, net.dim, bias=False)

    def cells(self, pixels: Tensor) -> Tensor:
        """What stands in each cell of 8 x 8 pixels: `(n, width of the network, height / 8, width / 8)`.

        `pixels` are `(n, height, width)`, 0 black to 255 white; whole patches of 40 x 32.
        """
        x = (pixels / 127.5 - 1)[:, None].contiguous(memory_format=torch.channels_last)
        x = functional.gelu(self.halve(functional.gelu(self.enter(x))))
        cells: Tensor = self.line(self.widen(self.strokes(x)))
        return cells

    def soft_tokens(self, cells: Tensor) -> Tensor:
        """One vector a patch in the space of the late encoder's word vectors: `(n, rows, columns, hidden)`."""
        normed = self.patch_norm(cells.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        patches: Tensor = self.patch(normed).permute(0, 2, 3, 1)
        return patches

    def states(self, soft: Tensor, corner: tuple[int, int] = (0, 0)) -> Tensor:
        """Patches `(n, rows, columns, hidden)` that have seen each other: `(n, rows * columns, hidden)`.

        `corner` is the row and column at which a part of a page lies.
        """
        n, rows, columns, hidden = soft.shape
        place = self.row[corner[0] : corner[0] + rows, None] + self.column[None, corner[1] : corner[1] + columns]
        x = self.enter_norm(soft + place).reshape(n, rows * columns, hidden)
        for layer in self.layers:
            x = layer(x)
        return x

    def forward(self, pixels: Tensor, corner: tuple[int, int] = (0, 0)) -> Tensor:
        """Grey pixels `(n, height, width)` to unit vectors `(n, patches, dim)`, float32, row by row."""
        states = self.states(self.soft_tokens(self.cells(pixels)), corner)
        return functional.normalize(self.projection(states).float(), dim=-1)


class PixelPages(GridPages):
    """The trained page encoder: 1,024 vectors a page, all of them patches of the grid.

    A page of any shape is stretched to 1,024 x 1,280 grey pixels, as ColPali stretches it to 448 x 448.
    """

    def __init__(self, reader: PageReader, late: LateEncoder) -> None:
        """Put a late encoder beside the network that was trained for it; a `ValueError` for unlike dimensions."""
        super().__init__(late)
        if late.dim != reader.network.dim:
            raise ValueError(f"pages have {reader.network.dim} dimensions and queries {late.dim}: they cannot meet.")
        self._reader = reader.eval().requires_grad_(False)
        self.name = f"{NAME}, with {late.name}"

    def _page(self, page: Image) -> Float32Array:
        pixels = torch.from_numpy(page_pixels(page).astype(np.float32))
        with torch.inference_mode():
            vectors: Float32Array = self._reader(pixels[None])[0].numpy()
        return vectors


def page_pixels(image: Image) -> Any:
    """A page image as the network sees it: grey, uint8 `(1280, 1024)`, 0 black to 255 white."""
    from PIL import Image as Images

    grey = image.convert("L").resize((PAGE[1], PAGE[0]), Images.Resampling.LANCZOS, reducing_gap=3.0)
    return np.asarray(grey)


def load_pixels(folder: Path | None = None, late: LateEncoder | None = None) -> PixelPages:
    """The trained page encoder, with the late encoder that it was trained for.

    Args:
        folder: what `write_pixels` wrote; by default the bundled one.
        late: by default the bundled one that the folder names.

    Raises:
        FileNotFoundError: a file is missing, here or of the late encoder.
        ValueError: as `read_pixels`, or `late` is another late encoder than in training.
    """
    source = trained.trained_folder("page") if folder is None else folder
    reader, settings = read_pixels(source)
    late = late or _LATE[settings["late"]]()
    found = _probed(late)
    if len(found) != len(settings["probe"]) or np.abs(np.subtract(found, settings["probe"])).max() > 0.02:
        raise ValueError(
            f"{source} was trained for another late encoder than {late.name}: that one gives other vectors, and its "
            "queries would not find what the pages hold. Train the page encoder again: data/training/README.md"
        )
    return PixelPages(reader, late)


def read_pixels(folder: Path) -> tuple[PageReader, dict[str, Any]]:
    """The network and the settings of a trained page encoder that `write_pixels` wrote, after every check.

    Raises:
        FileNotFoundError: a file is missing.
        ValueError: a file is damaged, of another kind, or of another network, as `trained.check_weights`.
    """
    settings = trained.read_settings(folder, "page")
    try:
        settings["probe"], _LATE[settings["late"]]
        sizes = settings["network"]
        if sizes.keys() != asdict(Network()).keys():
            raise ValueError("the sizes of its network are not those of this class")
        network = Network(**{name: whole(size, name) for name, size in sizes.items()})
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        path = folder / trained.SETTINGS
        raise ValueError(f"{path} is damaged ({type(error).__name__}: {error}). {RESTORE}") from error
    reader = PageReader(network)
    reader.load_state_dict(trained.read_weights(folder, "page", _shapes(reader)))
    return reader.eval().requires_grad_(False), settings


def write_pixels(folder: Path, reader: PageReader, late: LateEncoder, late_is: str) -> None:
    """Write a trained page encoder in half precision, and its digests last: what was cut short does not fit them.

    Args:
        folder: made where it is missing.
        reader: the network.
        late: the late encoder it was trained for.
        late_is: `"trained"` for the bundled one that was trained, `"untrained"` for the one that was not.

    Raises:
        ValueError: another word, or a weight that is no finite number.
    """
    one_of(late_is, list(_LATE), "late_is")
    trained.write_weights(folder, reader.state_dict(), _shapes(reader))
    about = {"kind": "page", "late": late_is, "probe": _probed(late), "network": asdict(reader.network)}
    write_digests(folder, trained.SETTINGS, [trained.WEIGHTS], **about)


def _shapes(reader: PageReader) -> trained.Shapes:
    return {name: tuple(tensor.shape) for name, tensor in reader.state_dict().items()}


def _probed(late: LateEncoder) -> list[float]:
    """A few numbers that tell one late encoder from another."""
    return [round(float(value), 4) for value in late.encode_query(_PROBE)[:, :4].ravel()]
