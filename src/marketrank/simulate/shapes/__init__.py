"""The things on sale, as models: one function per sort of thing, all in one visible table."""

from collections.abc import Callable

from marketrank.errors import BadInput
from marketrank.simulate.mesh import Model
from marketrank.simulate.shapes import (
    accessories,
    beauty,
    building,
    carriages,
    computing,
    cycles,
    decor,
    footwear,
    gadgets,
    garden,
    garments,
    hobby,
    kitchen,
    machines,
    printed,
    seating,
    sound,
    sport,
    storage,
    tables,
    tools,
    toys,
)
from marketrank.simulate.shapes.style import Style

Shape = Callable[[Style], Model]

# fmt: off
_ALL: tuple[Shape, ...] = (
    accessories.belt, accessories.crutches, accessories.finger_ring, accessories.handbag,
    accessories.hat, accessories.necklace, accessories.suitcase, accessories.sunglasses,
    beauty.cosmetics, beauty.hair_dryer, beauty.perfume, beauty.toiletries, beauty.toothbrush,
    building.basin, building.bath, building.bricks, building.door, building.radiator,
    building.tile_stack, building.timber, building.toilet, building.window,
    carriages.lawn_mower, carriages.mobility_scooter, carriages.pram, carriages.rollator,
    carriages.toy_car, carriages.wheelbarrow, carriages.wheelchair,
    computing.cable, computing.calculator, computing.cartridges, computing.circuit_card,
    computing.keyboard, computing.laptop, computing.monitor, computing.printer,
    computing.router, computing.tower_pc,
    cycles.bicycle, cycles.childs_bike, cycles.exercise_bike, cycles.kick_scooter,
    cycles.skateboard, cycles.treadmill,
    decor.candles, decor.clock, decor.framed_picture, decor.lamp, decor.mirror, decor.plant,
    decor.rug, decor.vase,
    footwear.boots, footwear.heels, footwear.trainers,
    gadgets.camera, gadgets.console, gadgets.controller, gadgets.desk_phone, gadgets.handheld,
    gadgets.mat_screen, gadgets.phone, gadgets.tablet, gadgets.television, gadgets.watch,
    garden.barbecue, garden.gazebo, garden.greenhouse, garden.parasol, garden.patio_set,
    garden.pots, garden.trampoline,
    garments.baby_bundle, garments.bedding, garments.coat, garments.curtains, garments.dress,
    garments.jeans, garments.jumper, garments.shirt, garments.suit, garments.tee,
    garments.wedding_dress,
    hobby.binoculars, hobby.cage, hobby.easel, hobby.fish_tank, hobby.mannequin,
    hobby.model_train, hobby.pet_bed, hobby.telescope, hobby.typewriter, hobby.yarn,
    kitchen.blender, kitchen.coffee_machine, kitchen.cooker, kitchen.crockery, kitchen.fryer,
    kitchen.glasses, kitchen.kettle, kitchen.microwave, kitchen.toaster,
    machines.display_fridge, machines.fan, machines.foot_spa, machines.fridge, machines.heater,
    machines.sewing_machine, machines.shredder, machines.till, machines.vacuum,
    machines.washing_machine,
    printed.board_game, printed.book, printed.book_stack, printed.cases, printed.comic,
    printed.disc_row, printed.jigsaw_box, printed.poster, printed.record, printed.sign,
    printed.small_carton, printed.stamps, printed.tickets, printed.trading_cards,
    seating.armchair, seating.bench, seating.chair_set, seating.high_chair,
    seating.office_chair, seating.sofa, seating.stool,
    sound.amplifier, sound.drums, sound.guitar, sound.headphones, sound.piano_keys, sound.radio,
    sound.speaker, sound.violin,
    sport.cricket_bat, sport.dumbbells, sport.football, sport.golf_bag, sport.helmet,
    sport.kayak, sport.punch_bag, sport.racket, sport.rods, sport.rucksack, sport.tent,
    sport.weights_bench, sport.yoga_mat,
    storage.bedside, storage.drawers, storage.filing_cabinet, storage.shelves,
    storage.shop_rack, storage.sideboard, storage.toolbox, storage.wardrobe,
    tables.bed, tables.coffee_table, tables.cot, tables.desk, tables.ironing_board,
    tables.massage_table, tables.mattress, tables.steel_table, tables.table, tables.workbench,
    tools.circular_saw, tools.drill, tools.generator, tools.hand_tools, tools.hose_reel,
    tools.ladder, tools.paint_tins, tools.pressure_washer, tools.strimmer,
    toys.bouncer, toys.car_seat, toys.dolls_house, toys.slide, toys.stair_gate, toys.teddy,
    toys.toy_box, toys.toy_bricks, toys.toy_kitchen,
)
# fmt: on

SHAPES: dict[str, Shape] = {shape.__name__: shape for shape in _ALL}


def shape_named(name: str) -> Shape:
    """The shape of that name; BadInput lists the known ones."""
    if name not in SHAPES:
        raise BadInput(f"no shape {name!r}; known: {', '.join(sorted(SHAPES))}")
    return SHAPES[name]
