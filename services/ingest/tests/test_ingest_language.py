"""The language of a document, which will choose the stemmer."""

import pytest
from minirag_ingest.adapters.extract.registry import extract
from minirag_ingest.domain.document import Block, Document
from minirag_ingest.domain.language import language_of, language_of_text

TEXTS = {
    "en": "The museum is open from nine to five, and a ticket for an adult costs fourteen euros if you buy it at the door.",
    "de": "Das Museum ist von neun bis siebzehn Uhr geöffnet, und eine Karte für Erwachsene kostet an der Kasse vierzehn Euro.",
    "fr": "Le musée est ouvert de neuf heures à dix-sept heures, et un billet pour adulte coûte quatorze euros à la caisse.",
    "es": "El museo está abierto de nueve a cinco y una entrada para adultos cuesta catorce euros si la compra en la puerta.",
    "it": "Il museo è aperto dalle nove alle cinque e un biglietto per gli adulti costa quattordici euro che si paga alla cassa.",
    "pt": "O museu está aberto das nove às cinco e um bilhete para adultos custa catorze euros se for comprado na porta.",
    "nl": "Het museum is open van negen tot vijf en een kaartje voor een volwassene kost veertien euro aan de kassa.",
    "sv": "Museet är öppet från nio till fem och en biljett för en vuxen kostar fjorton euro om man köper den vid dörren.",
    "da": "Museet er åbent fra ni til fem, og en billet koster fjorten euro, hvis du køber den af dem, der sidder ved døren nu.",
    "no": "Museet er åpent fra ni til fem, og en billett koster fjorten euro dersom du kjøper den av dem som sitter ved døra nå.",
    "ru": "Музей открыт с девяти до пяти, и билет для взрослых стоит четырнадцать евро, если вы купите его на входе.",
    "tr": "Müze dokuzdan beşe kadar açık ve bir yetişkin için bilet on dört euro, ama kapıda daha pahalı olabilir ve çok değil.",
    "el": "Το μουσείο είναι ανοιχτό από τις εννέα έως τις πέντε.",
    "ja": "博物館は九時から五時まで開いています。",
    "zh": "博物馆九点到五点开放，成人票价十四欧元。",
    "ko": "박물관은 아홉 시부터 다섯 시까지 엽니다.",
}


@pytest.mark.parametrize("code", TEXTS)
def test_a_sentence_is_enough(code: str) -> None:
    assert language_of_text(TEXTS[code]) == code


@pytest.mark.parametrize(
    "text", ["", "1234 5678", "Ada Lovelace", "SKU-1 SKU-2 SKU-3 SKU-4 SKU-5 SKU-6 SKU-7 SKU-8 SKU-9"]
)
def test_where_nothing_tells_it_none_is_told(text: str) -> None:
    assert language_of_text(text) is None


def test_code_and_tables_do_not_count_beside_prose() -> None:
    blocks = (
        *[Block("the of and to in a is that for it", kind="code")] * 50,
        *[Block("the of and to in a is that for it", kind="line")] * 50,
        *[Block(TEXTS["de"])] * 10,
    )
    assert language_of(Document(None, blocks)) == "de"


def test_a_foreword_in_another_language_does_not_decide() -> None:
    blocks = (*[Block(TEXTS["en"])] * 30, *[Block(TEXTS["fr"])] * 300)
    assert language_of(Document(None, blocks)) == "fr"


def test_the_language_is_part_of_what_is_read_and_stored() -> None:
    document = extract(f"<p>{TEXTS['it']}</p>".encode(), filename="x.html", media_type=None, charset=None)
    assert document.language == "it"
    assert Document.from_json(document.to_json()) == document
    old = {"title": None, "blocks": [["Stored before there were languages.", [], None, None, "prose"]]}
    assert Document.from_json(old).language is None
