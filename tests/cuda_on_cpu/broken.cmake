# Kernels that are broken on purpose, as sources made of the real ones when CMake configures.
#
# broken_kernel(NAME SOURCE TEXT REPLACEMENT [HEADER]): copies kernels/cuda/SOURCE into the namespace
# ppplan::kernels::cuda::NAME, with HEADER of the same folder copied in when it is named, and TEXT, which must occur
# once, replaced. All copies end in one source, ${broken_kernels}: their headers are read once.
set(broken_kernels ${CMAKE_CURRENT_BINARY_DIR}/broken_kernels.cpp)
set(broken_includes "")
function(broken_kernel name source text replacement)
  set(folder ${CMAKE_SOURCE_DIR}/kernels/cuda)
  file(READ ${folder}/${source} code)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/${source})
  if(ARGC GREATER 4)
    set(header ${ARGV4})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${folder}/${header})
    file(READ ${folder}/${header} inlined)
    string(REPLACE "#pragma once" "" inlined "${inlined}")
    string(REPLACE "#include \"kernels/cuda/${header}\"" "${inlined}" code "${code}")
  endif()
  replace_once(code "${text}" "${replacement}" "broken_kernel ${name}: kernels/cuda/${source}")
  string(REPLACE "namespace ppplan::kernels::cuda {" "namespace ppplan::kernels::cuda::${name} {" code "${code}")
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}.inc CONTENT "@code@" @ONLY)
  set(broken_includes "${broken_includes}#include \"${CMAKE_CURRENT_BINARY_DIR}/${name}.inc\"\n" PARENT_SCOPE)
endfunction()

broken_kernel(argmax_without_barrier argmax.cu [[
  __syncthreads();
]] "")
broken_kernel(argmax_wrong_index argmax.cu [[i * kValues + j]] [[i * kValues]])
broken_kernel(rms_norm_wrong_head rms_norm.cu [[row_start(block_y(), width)]] [[row_start(block_y() / 2, width)]])
broken_kernel(sort_without_last_barrier routing.cu [[  __syncthreads();  // the next round writes the totals anew
]] "")
broken_kernel(sort_barrier_in_branch routing.cu [[    const Ranking ranking = rank_in_block(is_mine, totals);]]
  [[    if (assignment >= assignments) continue;
    const Ranking ranking = rank_in_block(is_mine, totals);]])
broken_kernel(rope_stored_unrotated rope.cu [[head < rotated) {]] [[head < shape.heads) {]])
broken_kernel(prefill_sees_one_more prefill_attention.cu [[position + 9}]] [[position + 10}]])
broken_kernel(prefill_without_key_wait prefill_attention.cu [[    copy_wait<0>();
    __syncthreads();  // the keys are there]] [[    __syncthreads();  // the keys are there]] flash_tile.h)
broken_kernel(prefill_without_value_barrier prefill_attention.cu [[    __syncthreads();  // the values are there]]
  [[    // the values are there]] flash_tile.h)
broken_kernel(decode_without_barrier decode_attention.cu [[  __syncthreads();
  store_part]] [[  store_part]])
broken_kernel(decode_loses_a_warp decode_attention.cu
  [[value += factor * out[warp * kWarpRows * kHeadDim + i];]] [[value += factor * out[(warp / 2) * kWarpRows * kHeadDim + i];]])
broken_kernel(grouped_without_step_wait grouped_linear.cu [[    copy_wait<1>();
]] "")
broken_kernel(grouped_without_last_barrier grouped_linear.cu [[    __syncthreads();  // nobody reads it any more]] "")
broken_kernel(grouped_takes_the_next_expert grouped_linear.cu [[row_start(rows.expert, a.outputs)]]
  [[row_start(rows.expert + 1 < a.experts ? rows.expert + 1 : 0, a.outputs)]])
broken_kernel(latent_without_last_barrier latent_attention.cu [[    __syncthreads();  // nobody reads them any more]] "")
broken_kernel(latent_sees_one_less latent_attention.cu [[- tokens + token + 1;]] [[- tokens + token;]])
broken_kernel(latent_forgets_its_scale latent_attention.cu [[sum = kept * sum + weight;]] [[sum = sum + weight;]])
file(CONFIGURE OUTPUT ${broken_kernels} CONTENT "@broken_includes@" @ONLY)
