"""Reads a setting: where it is, when, in what weather, and what else stands there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

_Key = TypeVar("_Key")


class Ground(StrEnum):
    """The places that can be painted."""

    FOREST = "forest"
    CITY = "city"
    SEA = "sea"
    MOUNTAINS = "mountains"
    DESERT = "desert"
    SPACE = "space"
    ROOM = "room"
    LIBRARY = "library"
    KITCHEN = "kitchen"
    WORKSHOP = "workshop"
    VILLAGE = "village"
    FIELD = "field"
    LAKE = "lake"
    SNOW = "snow"
    CAVE = "cave"
    CASTLE = "castle"
    GARDEN = "garden"
    SKY = "sky"
    UNDERWATER = "underwater"
    HILLS = "hills"


class Hour(StrEnum):
    """Times of day, as light."""

    DAWN = "dawn"
    MORNING = "morning"
    NOON = "noon"
    GOLDEN = "golden"
    DUSK = "dusk"
    NIGHT = "night"


class Weather(StrEnum):
    """What is in the air."""

    CLEAR = "clear"
    CLOUDY = "cloudy"
    RAIN = "rain"
    STORM = "storm"
    FOG = "fog"
    SNOW = "snow"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting, read."""

    ground: Ground
    hour: Hour
    weather: Weather
    words: frozenset[str]

    @property
    def indoors(self) -> bool:
        """Whether there are walls around."""
        return self.ground in (Ground.ROOM, Ground.LIBRARY, Ground.KITCHEN, Ground.WORKSHOP)

    def has(self, *words: str) -> bool:
        """Whether the setting names any of these things, in singular or plural."""
        return any(word in self.words or f"{word}s" in self.words for word in words)


_GROUNDS: dict[Ground, str] = {
    Ground.UNDERWATER: "underwater seabed reef coral undersea 海底",
    Ground.SPACE: "space moon's planet galaxy asteroid orbit mars lunar cosmos nebula starship stars' 太空 宇宙",
    Ground.FOREST: "forest wood woods woodland jungle grove thicket pine pines trees glade clearing oak rainforest taiga 森林 林",
    Ground.LIBRARY: "library bookshop archive study bookcase 图书馆",
    Ground.KITCHEN: "kitchen bakery restaurant cafe café diner pantry tavern 厨房",
    Ground.WORKSHOP: "workshop laboratory lab factory garage hangar spaceship cockpit engine forge warehouse 工厂",
    Ground.ROOM: "room interior bedroom attic office house's hall corridor theatre theater stage classroom hotel living "
    "inside cabin cellar studio museum apartment lounge casino carriage 房间 室内",
    Ground.CITY: "city street alley town skyline rooftop rooftops metropolis avenue downtown market square neon bridge station platform "
    "tokyo paris london york plaza harbour-front 城市 街",
    Ground.SEA: "sea beach ocean shore coast harbour harbor island pier cliff cliffs lighthouse bay lagoon seaside dock ship boat 海 海滩",
    Ground.DESERT: "desert dunes dune canyon sand oasis savanna savannah mesa wasteland sahara 沙漠",
    Ground.SNOW: "snow arctic tundra glacier ice icy frozen polar antarctic winter snowy snowfield 雪",
    Ground.CAVE: "cave cavern grotto tunnel mine underground crypt dungeon burrow 洞",
    Ground.CASTLE: "castle palace fortress tower citadel temple ruins kingdom throne 城堡",
    Ground.VILLAGE: "village hamlet cottage farm farmhouse barn houses farmyard 村",
    Ground.GARDEN: "garden park orchard greenhouse courtyard backyard flowerbed hedge playground 花园 公园",
    Ground.LAKE: "lake river pond stream waterfall creek marsh swamp brook wetland riverbank 湖 河",
    Ground.MOUNTAINS: "mountain mountains peak peaks alps summit ridge valley pass volcano highland 山",
    Ground.SKY: "sky clouds cloud airship aloft heaven balloon flying air 天空",
    Ground.HILLS: "hill hills downs moor heath knoll",
    Ground.FIELD: "field meadow prairie grassland fields pasture wheat plain plains countryside steppe 田 草地",
}  # fmt: skip
_HOURS: dict[Hour, str] = {
    Hour.NIGHT: "night midnight moonlit moonlight nighttime starlit nocturnal stars moon starry 夜 晚上",
    Hour.DAWN: "dawn daybreak sunrise first-light 黎明 日出",
    Hour.DUSK: "dusk sunset twilight evening nightfall gloaming sundown 黄昏 日落",
    Hour.GOLDEN: "golden afternoon late amber autumn low-sun",
    Hour.MORNING: "morning early spring 早晨",
    Hour.NOON: "noon midday day daylight bright sunny sunlit sunshine summer daytime 中午",
}
_WEATHERS: dict[Weather, str] = {
    Weather.STORM: "storm stormy thunder lightning thunderstorm tempest gale hurricane 暴风",
    Weather.RAIN: "rain rainy raining drizzle drizzling downpour showers rain-soaked wet 雨",
    Weather.SNOW: "snowing snowfall snowstorm blizzard snowflakes flurries 下雪",
    Weather.FOG: "fog foggy mist misty haze hazy smoke steam 雾",
    Weather.CLOUDY: "cloudy overcast grey gloomy windy clouds",
}


def read(text: str) -> Setting:
    """Read a setting; what it does not name becomes hills on a clear golden afternoon."""
    words = re.findall(r"[^\W_]+(?:[-'][^\W_]+)*", text.lower())
    ground = _earliest(_GROUNDS, words, text) or Ground.HILLS
    if ground is Ground.SPACE:
        hour = Hour.NIGHT
    else:
        hour = _earliest(_HOURS, words, text) or (Hour.NIGHT if "dark" in words else Hour.GOLDEN)
    falling = Weather.SNOW if "snow" in words and ground is not Ground.SNOW else Weather.CLEAR
    weather = _earliest(_WEATHERS, words, text) or falling
    return Setting(ground, hour, weather, frozenset(words))


def _earliest(table: dict[_Key, str], words: list[str], text: str) -> _Key | None:
    """Find the entry with the word that comes first; scripts without spaces are searched as text."""
    best: tuple[int, _Key] | None = None
    for key, names in table.items():
        for name in names.split():
            if name.isascii():
                at = next((i for i, w in enumerate(words) if w == name), -1)
            else:
                at = text.find(name)
            if at >= 0 and (best is None or at < best[0]):
                best = at, key
    return best[1] if best else None
