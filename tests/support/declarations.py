"""Articles of constitutions and declarations, as they were proclaimed: real sentences in three languages."""

GERMAN = (
    "Die Würde des Menschen ist unantastbar. Sie zu achten und zu schützen ist Verpflichtung aller staatlichen Gewalt.",
    (
        "Das Briefgeheimnis sowie das Post- und Fernmeldegeheimnis sind unverletzlich. Beschränkungen dürfen nur auf Grund "
        "eines Gesetzes angeordnet werden."
    ),
    (
        "Alle Deutschen haben das Recht, Beruf, Arbeitsplatz und Ausbildungsstätte frei zu wählen. Die Berufsausübung kann "
        "durch Gesetz oder auf Grund eines Gesetzes geregelt werden."
    ),
    (
        "Die Wohnung ist unverletzlich. Durchsuchungen dürfen nur durch den Richter, bei Gefahr im Verzuge auch durch die in "
        "den Gesetzen vorgesehenen anderen Organe angeordnet und nur in der dort vorgeschriebenen Form durchgeführt werden."
    ),
    (
        "Das Eigentum und das Erbrecht werden gewährleistet. Inhalt und Schranken werden durch die Gesetze bestimmt. Eine "
        "Enteignung ist nur zum Wohle der Allgemeinheit zulässig."
    ),
    "Kein Deutscher darf an das Ausland ausgeliefert werden. Politisch Verfolgte genießen Asylrecht.",
)
FRENCH = (
    (
        "Les hommes naissent et demeurent libres et égaux en droits. Les distinctions sociales ne peuvent être fondées que sur "
        "l'utilité commune."
    ),
    (
        "Le principe de toute souveraineté réside essentiellement dans la Nation. Nul corps, nul individu ne peut exercer "
        "d'autorité qui n'en émane expressément."
    ),
    (
        "Nul homme ne peut être accusé, arrêté ni détenu que dans les cas déterminés par la loi et selon les formes qu'elle a "
        "prescrites."
    ),
    (
        "Nul ne doit être inquiété pour ses opinions, même religieuses, pourvu que leur manifestation ne trouble pas l'ordre "
        "public établi par la loi."
    ),
    (
        "Pour l'entretien de la force publique, et pour les dépenses d'administration, une contribution commune est "
        "indispensable ; elle doit être également répartie entre tous les citoyens, en raison de leurs facultés."
    ),
    (
        "La propriété étant un droit inviolable et sacré, nul ne peut en être privé, si ce n'est lorsque la nécessité publique, "
        "légalement constatée, l'exige évidemment, et sous la condition d'une juste et préalable indemnité."
    ),
)
ENGLISH = (
    (
        "Congress shall make no law respecting an establishment of religion, or prohibiting the free exercise thereof; or "
        "abridging the freedom of speech, or of the press."
    ),
    (
        "A well regulated Militia, being necessary to the security of a free State, the right of the people to keep and bear "
        "Arms, shall not be infringed."
    ),
    (
        "No Soldier shall, in time of peace be quartered in any house, without the consent of the Owner, nor in time of war, but "
        "in a manner to be prescribed by law."
    ),
    "Excessive bail shall not be required, nor excessive fines imposed, nor cruel and unusual punishments inflicted.",
)
CHINESE = (
    "人人生而自由，在尊严和权利上一律平等。他们赋有理性和良心，并应以兄弟关系的精神相对待。",
    "人人有权享有生命、自由和人身安全。",
    "任何人不得使为奴隶或奴役；一切形式的奴隶制度和奴隶买卖，均应予以禁止。",
    "人人有受教育的权利，教育应当免费，至少在初级和基本阶段应如此。",
)

ASKED = {
    "de": (
        ("Welche Berufe, welche Arbeitsplätze wählt man frei?", 2),
        ("Wer ordnet die Durchsuchung einer Wohnung an?", 3),
        ("Welche Beschränkung gilt für Briefgeheimnisse?", 1),
        ("Wann wird ein Eigentümer enteignet? Enteignungen", 4),
        ("Auslieferung von Deutschen, Verfolgter und Ausländer", 5),
    ),
    "fr": (
        ("Qui exerce une autorité souveraine dans les nations ?", 1),
        ("Peut-on accuser ou arrêter un citoyen hors de la loi ?", 2),
        ("Une opinion religieuse peut-elle inquiéter quelqu'un ?", 3),
        ("Les contributions sont-elles indispensables ?", 4),
        ("Quelles propriétés sont sacrées, quelles indemnités ?", 5),
    ),
    "en": (
        ("Can a newspaper be prohibited by laws of the Congress?", 0),
        ("Are soldiers quartering in houses of owners?", 2),
        ("Which punishment is unusual or crueler, which fine excessive?", 3),
    ),
    "zh": (("教育是免费的吗？", 3), ("禁止奴隶买卖吗？", 2), ("谁享有人身安全？", 1)),
}
"""Questions that say it in other forms of the words, and which article answers."""
TEXTS = {"de": GERMAN, "fr": FRENCH, "en": ENGLISH, "zh": CHINESE}
