"""The order of the sources, each rule by itself and the whole against a slow twin face by face."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.choices import LayerKind, Role
from annotator.masks import ABSENT, NOT_SCORED, PRESENT, UNSCORABLE, codes_pack
from annotator.models import CodedAU, DataSet, Label, LabelLayer
from annotator.selectors.codes import LayerCodes, layers_visible_to
from annotator.selectors.effective import SOURCES, EffectiveCodes, effective_codes
from tests.factories import faces_make, layer_make

BITS = (0, 3, 62)
AUS = [CodedAU(au=au, bit=bit, place=au) for au, bit in zip((1, 4, 12), BITS, strict=True)]
CODE = st.sampled_from([PRESENT, ABSENT, NOT_SCORED, NOT_SCORED, UNSCORABLE])
TRUSTED_FIRST = [
    LayerKind.CONSENSUS,
    LayerKind.CODER,
    LayerKind.CODER,
    LayerKind.REFERENCE,
    LayerKind.REFERENCE,
    LayerKind.PROPOSAL,
    LayerKind.PREDICTION,
    LayerKind.WEAK,
]


def rows_make(codes, noise=None):
    """(N, 3) codes as a layer's rows."""
    codes = np.array(codes, dtype=np.int8).reshape(-1, len(BITS))
    flags = np.zeros(len(codes), bool) if noise is None else np.array(noise, dtype=bool)
    return LayerCodes(*codes_pack(codes, BITS), flags, {})


def decide(sources, *, accept_proposals=False, coders_needed=1):
    """effective_codes over (kind, rows) pairs, without a database."""
    layers = [LabelLayer(pk=number, kind=kind) for number, (kind, _) in enumerate(sources, start=1)]
    read = {layer.pk: rows for layer, (_, rows) in zip(layers, sources, strict=True)}
    count = len(sources[0][1].noise)
    return effective_codes(
        DataSet(),
        layers,
        list(range(1, count + 1)),
        AUS,
        accept_proposals=accept_proposals,
        coders_needed=coders_needed,
        read=read,
    )


def one(*sources, **rule):
    """What counts for a single code given as (kind, code) pairs: (code, source, layer, ended)."""
    result = decide([(kind, rows_make([[code] * 3])) for kind, code in sources], **rule)
    return (
        int(result.codes[0, 0]),
        SOURCES[result.source[0, 0]],
        int(result.layer[0, 0]),
        int(result.ended[0, 0]),
    )


def twin(codes, kinds, *, accept_proposals, coders_needed):
    """The rule of one code in plain words: (code, source, layer, ended)."""
    told = [(kind, number, code) for number, (kind, code) in enumerate(zip(kinds, codes, strict=True), start=1)]
    for kind in ("consensus", "coder", "reference", "proposal", "weak"):
        if kind == "proposal" and not accept_proposals:
            continue
        here = [(number, code) for which, number, code in told if which == kind and code != NOT_SCORED]
        if kind == "coder":
            said = {code for _, code in here}
            if len(said) > 1:
                return NOT_SCORED, "", 0, 1
            if said == {UNSCORABLE}:
                return NOT_SCORED, "", 0, UNSCORABLE
            if said and len(here) >= coders_needed:
                return here[0][1], "coder", here[0][0], 0
            continue
        if here:
            number, code = here[-1]  # the newer of two layers of one kind
            return (NOT_SCORED, "", 0, UNSCORABLE) if code == UNSCORABLE else (code, kind, number, 0)
    return NOT_SCORED, "", 0, 0


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(*[st.tuples(CODE, CODE, CODE) for _ in TRUSTED_FIRST]), min_size=1, max_size=6),
    st.booleans(),
    st.sampled_from([1, 2]),
)
def test_agrees_with_the_slow_twin(faces, accept_proposals, coders_needed):
    by_layer = np.array(faces, dtype=np.int8).transpose(1, 0, 2)
    sources = [(kind, rows_make(codes)) for kind, codes in zip(TRUSTED_FIRST, by_layer, strict=True)]
    result = decide(sources, accept_proposals=accept_proposals, coders_needed=coders_needed)
    for face in range(len(faces)):
        for au in range(len(BITS)):
            got = (
                int(result.codes[face, au]),
                SOURCES[result.source[face, au]],
                int(result.layer[face, au]),
                int(result.ended[face, au]),
            )
            expected = twin(
                by_layer[:, face, au].tolist(),
                [kind.value for kind in TRUSTED_FIRST],
                accept_proposals=accept_proposals,
                coders_needed=coders_needed,
            )
            assert got == expected


def test_goes_down_the_order():
    order = [
        (LayerKind.CONSENSUS, PRESENT),
        (LayerKind.CODER, ABSENT),
        (LayerKind.REFERENCE, PRESENT),
        (LayerKind.PROPOSAL, ABSENT),
        (LayerKind.WEAK, PRESENT),
    ]
    found = [one(*order[start:], accept_proposals=True)[:2] for start in range(len(order))]
    assert found == [(code, kind.value) for kind, code in order]


def test_a_prediction_never_counts():
    assert one((LayerKind.PREDICTION, PRESENT)) == (NOT_SCORED, "", 0, 0)


def test_a_proposal_counts_only_when_accepted():
    sources = [(LayerKind.PROPOSAL, ABSENT), (LayerKind.WEAK, PRESENT)]
    assert one(*sources)[:2] == (PRESENT, "weak")
    assert one(*sources, accept_proposals=True)[:2] == (ABSENT, "proposal")


def test_the_newer_of_two_layers_of_one_kind_counts():
    assert one((LayerKind.WEAK, PRESENT), (LayerKind.WEAK, ABSENT)) == (ABSENT, "weak", 2, 0)


def test_a_coder_who_finds_it_unscorable_ends_the_order():
    assert one((LayerKind.CODER, UNSCORABLE), (LayerKind.WEAK, PRESENT)) == (NOT_SCORED, "", 0, UNSCORABLE)


def test_coders_who_disagree_end_the_order():
    sources = [(LayerKind.CODER, PRESENT), (LayerKind.CODER, ABSENT), (LayerKind.WEAK, PRESENT)]
    assert one(*sources) == (NOT_SCORED, "", 0, 1)


def test_a_consensus_settles_a_disagreement():
    sources = [(LayerKind.CONSENSUS, ABSENT), (LayerKind.CODER, PRESENT), (LayerKind.CODER, ABSENT)]
    assert one(*sources) == (ABSENT, "consensus", 1, 0)


def test_one_coder_of_two_does_not_count_yet():
    sources = [(LayerKind.CODER, PRESENT), (LayerKind.WEAK, ABSENT)]
    assert one(*sources, coders_needed=2)[:2] == (ABSENT, "weak")


def test_two_coders_who_agree_count_and_the_first_is_named():
    sources = [(LayerKind.CODER, PRESENT), (LayerKind.CODER, PRESENT), (LayerKind.WEAK, ABSENT)]
    assert one(*sources, coders_needed=2) == (PRESENT, "coder", 1, 0)


@pytest.mark.parametrize(("kind", "set_apart"), [("coder", True), ("consensus", True), ("weak", False)])
def test_only_people_set_a_face_apart(kind, set_apart):
    result = decide([(LayerKind(kind), rows_make([[0, 0, 0]], noise=[True]))])
    assert result.noise.tolist() == [set_apart]


def test_no_layer_gives_no_code():
    result = effective_codes(DataSet(), [], [1, 2], AUS, accept_proposals=True, coders_needed=1)
    assert (result.codes == NOT_SCORED).all() and not result.source.any() and not result.layer.any()


def test_reads_rows_from_the_database_in_the_order_of_the_faces(cast, dataset):
    faces = faces_make(dataset, 3)
    layer = layer_make(dataset, LayerKind.WEAK, faces, [[1, 0], [0, -1], [1, 1]], [12, 25])
    Label.objects.filter(face=faces[1]).delete()
    aus = list(dataset.coded_aus.filter(au__in=[12, 25]))
    result: EffectiveCodes = effective_codes(
        dataset,
        layers_visible_to(cast.alice, dataset),
        [faces[2].pk, faces[1].pk, faces[0].pk],
        aus,
        accept_proposals=False,
        coders_needed=1,
    )
    assert result.codes.tolist() == [[1, 1], [-1, -1], [1, 0]]
    assert result.layer.tolist() == [[layer.pk] * 2, [0, 0], [layer.pk] * 2]


def test_uses_only_the_layers_given(cast, dataset):
    """A coder is given no other coder's layer, and so no other coder's code can count."""
    faces = faces_make(dataset, 1)
    layer_make(dataset, LayerKind.CODER, faces, [[1]], [12], user=cast.bob)
    aus = list(dataset.coded_aus.filter(au=12))
    assert dataset.members.get(user=cast.cleo).role == Role.CODER
    result = effective_codes(
        dataset,
        layers_visible_to(cast.cleo, dataset),
        [faces[0].pk],
        aus,
        accept_proposals=True,
        coders_needed=1,
    )
    assert result.codes.tolist() == [[NOT_SCORED]]
