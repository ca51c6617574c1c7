"""Texts of listings are mended, and nothing that was right is broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketrank.listings.texts import mend, strip_posted, strip_site, unglue


@pytest.mark.parametrize(
    ("text", "mended"),
    [
        ("Tom &amp; Co. &pound;5 &#163;6 &#xA3;7", "Tom & Co. £5 £6 £7"),
        ("&amp;pound;5", "£5"),
        ("mix&match AT&T R&notes", "mix&match AT&T R&notes"),
        ("itâ€™s a cafÃ©", "it's a café"),
        ("it’s “new”", 'it\'s "new"'),
        ("one<br>two<br />three<p class='x'>four</p>", "one\ntwo\nthree\nfour"),
        ("<b>big</b> &lt;b&gt;table&lt;/b&gt;", "big table"),
        ("a < b and i <3 it", "a < b and i <3 it"),
        ("  a \t b\u00a0c  ", "a b c"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("a \n\n \n\n b", "a\n\nb"),
        ("ze\u200bro\ufeff wi\u00addth \u202eleft\x00\x07", "zero width left"),
        ("👩\u200d🍳 ☎️", "👩\u200d🍳 ☎️"),
        ("ﬁne Ｆｕｌｌ", "fine Full"),
    ],
)
def test_mend(text: str, mended: str) -> None:
    assert mend(text) == mended


@given(st.text(max_size=60))
def test_mended_text_can_be_stored_and_shown(text: str) -> None:
    mended = mend(text)
    mended.encode()
    assert "\x00" not in mended
    assert mended == mended.strip()


@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_plain_text_keeps_its_words(text: str) -> None:
    if not {"&", "<"} & set(text):
        assert mend(text).split() == text.split()


@pytest.mark.parametrize(
    ("title", "stripped"),
    [
        ("Oak table | in Leeds, West Yorkshire | Gumtree", "Oak table"),
        ("Bike | 56cm | in Southwark, London | Gumtree", "Bike | 56cm"),
        ("Bed|SINGLE||DOUBLE| | in London | Gumtree", "Bed|SINGLE||DOUBLE|"),
        ("Lamp | in good order | in London | Gumtree", "Lamp | in good order"),
        ("Sofa | Gumtree", "Sofa"),
        ("Table | in oak", "Table | in oak"),
        ("Gumtree sign", "Gumtree sign"),
        ("| in London | Gumtree", ""),
    ],
)
def test_strip_site(title: str, stripped: str) -> None:
    assert strip_site(title) == stripped


@pytest.mark.parametrize(
    ("text", "stripped", "date"),
    [
        (
            "As new. Lamp. Posted by jo in Home & Garden, Lighting in Leeds. 25 February 2022",
            "As new. Lamp.",
            "25 February 2022",
        ),
        (
            "Lamp . Posted by Jo in Books, Books in St. Ives. February 5, 2022",
            "Lamp.",
            "February 5, 2022",
        ),
        ("Lamp. Posted by Jo.Leeds. 5. February 2022", "Lamp.", "5. February 2022"),
        (
            "Desk. Posted by Jo Bo in Office, Desks in Hull. 5 May 2021Desk 210cm",
            "Desk. Desk 210cm",
            "5 May 2021",
        ),
        ("Cap. Posted by Jo in Men's Clothing, Hats in Hull. ", "Cap.", None),
        ("Handyman.\nPosted by JO, in Hull.\nCall me", "Handyman. Call me", None),
        ("Can be posted by Royal Mail in 2 days.", "Can be posted by Royal Mail in 2 days.", None),
        ("Posted by courier at cost.", "Posted by courier at cost.", None),
    ],
)
def test_strip_posted(text: str, stripped: str, date: str | None) -> None:
    assert strip_posted(text) == (stripped, date)


@pytest.mark.parametrize(
    ("text", "parted"),
    [
        ("reclaimedGreat table", "reclaimed Great table"),
        ("after first use.Brand new", "after first use. Brand new"),
        ("(model 48755)Stainless", "(model 48755) Stainless"),
        ("up to 4 personBrand New", "up to 4 person Brand New"),
        ("20cmHeight 5mMust", "20cm Height 5m Must"),
        ("£20Collection only", "£20 Collection only"),
        ("Velvet ConditionExcellent", "Velvet Condition Excellent"),
        ("white vanCollection only", "white van Collection only"),
        ("20cmHeightMetal", "20cm HeightMetal"),
        ("A2476Pet free home", "A2476 Pet free home"),
        ("newCables,Leads", "new Cables, Leads"),
    ],
)
def test_glued_sentences_are_parted(text: str, parted: str) -> None:
    assert unglue(text) == parted


@pytest.mark.parametrize(
    "text",
    [
        "iPhone iPad iMac iPods eBay uDraw",
        "MacBook PlayStation WhatsApp PayPal YouTube LinkedIn GoPro TomTom",
        "ThinkPad GeForce LaserJet AirPods OnePlus KitchenAid TaylorMade",
        "McCartney MacDonald DeWalt DeLonghi LeCreuset VonHaus deWalt",
        "mAh kWh mmHg dBi 5 mAh 12.5Kg 128Gb 10Bar WiFi wiFi HxWxD",
        "GoFree InDesign JoJo LoRaWAN XBox FeetUp EasyNote",
        "www.Example.Com e.g.This J.Smith",
        "iPhone 13Pro A2476Max",
    ],
)
def test_names_with_capitals_stay_whole(text: str) -> None:
    assert unglue(text) == text


@given(st.text(max_size=60))
def test_ungluing_only_adds_spaces(text: str) -> None:
    assert unglue(text).replace(" ", "") == text.replace(" ", "")


def test_a_posted_tail_glued_to_the_last_word_goes_too() -> None:
    text = "UnopenedPosted by a member in Baby & Kids, Prams in Leeds. 21 February 2026"
    assert strip_posted(text) == ("Unopened", "21 February 2026")
