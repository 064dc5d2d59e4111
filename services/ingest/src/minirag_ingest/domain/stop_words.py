"""The commonest words of each language, as far as they tell it from its neighbours."""

_WORDS = {
    "ar": (
        "من في على إلى أن عن مع هذا هذه التي الذي كان ما لا أو ثم كل بعد قبل بين حتى لم قد هو هي كما إذا "
        "عند غير ذلك تم يمكن و"
    ),
    "ca": (
        "de la el i que a en un una per del les els amb es no s'ha són com per més o al si aquest aquesta "
        "però dels també d'un d'una ha pel ser està l'ordre seu seva quan on pot entre sobre fins fer hi "
        "heu aquests altres només tot tots això podeu qualsevol sense després abans la nostra vostre cal"
    ),
    "da": (
        "og i det er en et til på som med for ikke den de har kan fra skal hvis eller ved være når om du "
        "denne disse alle men var vil man hvor over vi så under han hun alt andre kunne skulle ville må din "
        "deres først flere at af jeg der også kun dette bliver blev efter mere nogle sig dig mig hvad noget "
        "hvordan mellem andet bruge gør findes sådan uden nu mange igen brug"
    ),
    "de": (
        "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine als auch es an werden "
        "aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum oder kann wenn "
        "zur diese dieser durch nur sein mehr können ich wir haben muss"
    ),
    "en": (
        "the of and to in a is that for it as was with be by on not he his but at are this have from or had "
        "an they which you were there been their has will would if can when all more no may should other "
        "than its your any such these only into use also about so we do what how who i"
    ),
    "es": (
        "de la que el en y a los se del las un por con no una su para es al lo como más o pero sus le ha si "
        "sin sobre este ya entre cuando todo esta ser son dos también fue había era muy hasta desde puede "
        "está esto usted qué"
    ),
    "fi": (
        "ja on ei se että joka oli ovat mutta kun tai hän myös niin kuin voi sen jos mukaan ole ne tämä "
        "tämän siitä jotka vain mitä sitä ettei joita jossa koska nyt vielä olla kanssa"
    ),
    "fr": (
        "de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont la "
        "ou avec son aux cette mais nous vous peut être fait comme si tout ces leur on l'on d'un d'une "
        "n'est sans c'est été deux même était cela"
    ),
    "hu": (
        "a az és hogy nem is egy van ez meg de csak ha azt már még vagy mint ezt el kell lehet ki volt "
        "minden majd után lesz csak amely valamint nagyon olyan ami be"
    ),
    "it": (
        "di e il la che in un a per è del non una sono le si da con i della al come dei nel alla più o "
        "anche ma lo gli dal delle questo se ha su essere ed nella può questa quando cui tutti stato era "
        "loro degli viene"
    ),
    "nl": (
        "de van het een en in is dat op te zijn met voor niet aan er om ook als die bij of maar door naar "
        "uit wordt worden kan deze dan nog je heeft hebben over wel geen tot dit we hij zich u moet wat was "
        "zij"
    ),
    "no": (
        "og i det er en et til på som med for ikke den de har kan fra skal hvis eller ved være når om du "
        "denne disse alle men var vil man hvor over vi så under han hun alt andre kunne skulle ville må din "
        "deres først flere å av at også bli ble blir etter noe noen dette mer seg deg meg hva hvordan "
        "mellom annet bruke gjør finnes slik uten nå mange igjen bruk bare som kun dersom vil både"
    ),
    "pl": (
        "i w na z się nie do jest to że o jak za po od przez ale dla tym oraz może być lub są co czy jego "
        "tylko go już tego jeśli które który która można ten ta przy aby będzie tak"
    ),
    "pt": (
        "de a o que e do da em um para com não uma os no se na por mais as dos como mas ao ele das à seu "
        "sua ou quando muito nos já está eu também só pelo pela até isso ser são você pode esta este foi "
        "tem seus"
    ),
    "ro": (
        "de și în la a cu că nu pe se o din este un care mai pentru sau să sunt ce fi au prin al ale ca dar "
        "după această acest când între lui lor fost poate dacă le sa"
    ),
    "ru": (
        "и в не на что с по как это для к из а или от он но его у за так все при если может быть был только "
        "бы же вы мы когда будет чтобы также этот этого можно их до эти есть о со для она они"
    ),
    "sv": (
        "och i att det som en på är av för med den till inte om ett har de kan från du eller var men så ska "
        "när vid man även bara detta där alla mer över efter sig vara blir finns måste dessa dig jag hur än"
    ),
    "tr": (
        "ve bir bu da de için ile olarak daha çok gibi olan en ne kadar var ki veya değil sonra her o ya "
        "ama olduğu ise tarafından içinde göre bunu olduğunu üzerinde ancak mi mı"
    ),
    "uk": (
        "і в не на що з та як це до для у за від він але його є при так або якщо може бути щоб був також "
        "який цей які вони ми ви коли тільки й було можна якого із"
    ),
    "cs": (
        "a v se na je že s z do o k i to jako za by ale pro jsou od po které který která být nebo jeho jen "
        "tak při jeho podle může byl také pokud až aby má není tento ve již"
    ),
}

STOP_WORDS: dict[str, frozenset[str]] = {code: frozenset(words.split()) for code, words in _WORDS.items()}
"""ISO 639-1 code → lower-case words."""
