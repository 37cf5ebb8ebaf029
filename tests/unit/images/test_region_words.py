"""Readable names of regions; the labels are those in files of the atlases, the names those of their publications."""

import time
import tomllib
from pathlib import Path

import pytest

from bids_ari.images import region_words
from bids_ari.images.region_words import readable

EXAMPLES = {
    # Schaefer et al. (2018), 7 and 17 networks, Kong et al. (2021), and the networks of Yeo et al. (2011)
    "7Networks_LH_Vis_9": "left visual 9",
    "7Networks_RH_SomMot_12": "right somatomotor 12",
    "7Networks_LH_Default_pCunPCC_4": "left default mode, precuneus and posterior cingulate 4",
    "7Networks_RH_SalVentAttn_TempOccPar_2": "right salience/ventral attention, temporo-occipito-parietal 2",
    "17Networks_LH_SalVentAttnA_ParMed_2": "left salience/ventral attention A, medial parietal 2",
    "17Networks_LH_SomMotB_S2_3": "left somatomotor B, secondary somatosensory 3",
    "17Networks_RH_SomMotA_1": "right somatomotor A 1",
    "17Networks_RH_TempPar_4": "right temporoparietal 4",
    "17networks_LH_VisualC_ExStr_2": "left visual C, extrastriate 2",
    "7Networks_7": "default mode network",
    "17Networks_3": "network 3 of 17",
    # Desikan-Killiany, whole, of one hemisphere, and divided; the white matter below
    "ctx-lh-superiorfrontal": "left superior frontal gyrus",
    "ctx-rh-bankssts": "right banks of the superior temporal sulcus",
    "lh_parsopercularis": "left pars opercularis",
    "left isthmuscingulate": "left isthmus of the cingulate cortex",
    "lateralorbitofrontal_3": "lateral orbitofrontal cortex 3",
    "wm-rh-insula": "right white matter, insula",
    # Destrieux
    "ctx_lh_G_front_inf-Opercular": "left inferior frontal gyrus, opercular part",
    "right G_and_S_cingul-Mid-Post": "right middle-posterior cingulate gyrus and sulcus",
    "L G&S_occipital_inf": "left inferior occipital gyrus and sulcus",
    "S_temporal_sup": "superior temporal sulcus",
    # AAL and AAL3
    "Frontal_Sup_2_L": "left superior frontal gyrus",
    "Cingulum_Ant_R": "right anterior cingulate",
    "Cerebelum_Crus1_L": "left cerebellum, crus 1",
    "Cerebellum_4_5_R": "right cerebellum, lobule 4–5",
    "Vermis_1_2": "vermis, lobule 1–2",
    "Thal_LGN_L": "left lateral geniculate nucleus",
    # Harvard-Oxford
    "Middle Temporal Gyrus, anterior division": "middle temporal gyrus, anterior division",
    "Left Heschl's Gyrus (includes H1 and H2)": "left Heschl's gyrus (includes H1 and H2)",
    "Right_Frontal_Pole": "right frontal pole",
    # structures of FreeSurfer and CIFTI
    "Left-Thalamus-Proper": "left thalamus",
    "Right-Accumbens-area": "right nucleus accumbens",
    "Brain-Stem": "brain stem",
    "CIFTI_STRUCTURE_DIENCEPHALON_VENTRAL_LEFT": "left ventral diencephalon",
    "CEREBELLUM_RIGHT": "right cerebellum",
    # Tian
    "HIP-lh": "left hippocampus",
    "pTHA-rh": "right posterior thalamus",
    "THA-VAia-lh": "left thalamus, anterior inferior ventroanterior",
    "NAc-shell-rh": "right nucleus accumbens, shell",
    "HIP-head-m1-lh": "left hippocampus, medial head 1",
    # HCP-MMP, Brainnetome, Diedrichsen
    "R_V1_ROI": "right V1",
    "L_a24pr_ROI": "left area a24pr",
    "SFG_L_7_1": "left superior frontal gyrus, area 1 of 7",
    "Left_I_IV": "left cerebellum, lobule I–IV",
    "Vermis_CrusII": "vermis, crus II",
}


@pytest.mark.parametrize(("label", "name"), EXAMPLES.items())
def test_labels_of_known_atlases_become_words(label: str, name: str) -> None:
    assert readable(label) == name


@pytest.mark.parametrize(
    "label",
    [
        *("parcel 7", "motor", "V1", "ROI_12", "Unknown", "left", "", "région α", "7Networks_LH_Foo_1", "L", "3"),
        *(
            "G_Frontal_Sup-1-L",
            "Left_Vermal_Thing",
            "XYZ-lh",
            "Left-Lateral-Ventricle",
            "CIFTI_STRUCTURE_OTHER",
            "Pole",
        ),
    ],
)
def test_other_labels_stay(label: str) -> None:
    assert readable(label) == label


def test_part_of_a_network_without_words_stays_in_the_name() -> None:
    assert readable("7Networks_RH_Cont_NewPart_3") == "right control, NewPart 3"


def test_all_labels_of_an_atlas_of_templateflow_have_words() -> None:
    folder = Path(__file__).parents[3].parent / "shared" / "templateflow" / "tpl-MNI152NLin6Asym"
    if not (tables := [*folder.glob("*_dseg.tsv")]):
        pytest.skip("the files of TemplateFlow are not on this machine")
    labels = [line.split("\t")[1] for line in tables[0].read_text(encoding="utf-8").splitlines()[1:]]
    names = list(map(readable, labels))
    assert len(set(names)) == len(labels) == 200
    assert not any("_" in name or "Networks" in name for name in names)


def test_names_of_an_atlas_differ_where_its_labels_do() -> None:
    words = tomllib.loads(Path(region_words.__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    older = {"Cingulum_Ant", "Cingulum_Mid", "Cingulum_Post"}  # in AAL; Cingulate_Ant, ... in AAL2 and AAL3
    for labels in (words["desikan"], words["destrieux"], words["aal"].keys() - older):
        assert len({readable(label) for label in labels}) == len(labels)


def test_a_thousand_labels_take_milliseconds() -> None:
    readable("7Networks_LH_Vis_9")  # reads the words
    start = time.process_time()
    for i in range(1000):
        readable(f"17Networks_LH_ContB_PFCd_{i}")
    assert time.process_time() - start < 0.5
